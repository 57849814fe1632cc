"""An index in the order that exports read conversations in, so that none sorts them all in memory."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.create_index("ix_conversations_created_at_id", "conversations", ["created_at", "id"])

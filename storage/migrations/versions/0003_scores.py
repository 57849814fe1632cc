"""Scores by criterion, with the guideline that they were given by."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two columns."""
    with op.batch_alter_table("feedback") as feedback:
        feedback.add_column(sa.Column("scores", sa.JSON()))
        feedback.add_column(sa.Column("guideline", sa.String(32)))

"""Indexes that an erasure needs, so that it doesn't read all feedback for each message of a person."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indexes."""
    op.create_index("ix_feedback_other_id", "feedback", ["other_id"])
    op.create_index("ix_signals_rater_id", "signals", ["rater_id"])
    op.create_index("ix_beacons_rater_id", "beacons", ["rater_id"])

"""What people agreed to, and who was erased."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables. Who was there before has said nothing yet, which the defaults cover."""
    op.create_table(
        "consents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        sa.Column("store", sa.Boolean(), nullable=False),
        sa.Column("train", sa.Boolean(), nullable=False),
        sa.Column("publish", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name="fk_consents_rater_id_raters"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_consents_rater_id", "consents", ["rater_id"])
    op.create_table(
        "erasures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        sa.Column("cycles", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
        sqlite_autoincrement=True,
    )

"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the first tables."""
    _people()
    _opinions()
    _learning()


def _people() -> None:
    op.create_table(
        "raters",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_raters"),
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        sa.Column("head_id", sa.String(32)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
        sa.ForeignKeyConstraint(
            ["rater_id"], ["raters.id"], name="fk_conversations_rater_id_raters"
        ),
    )
    op.create_index("ix_conversations_rater_id", "conversations", ["rater_id"])
    op.create_table(
        "messages",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("conversation_id", sa.String(32), nullable=False),
        sa.Column("parent_id", sa.String(32)),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.String(64)),
        sa.Column("base", sa.Text()),
        sa.Column("engine", sa.String(32)),
        sa.Column("sampling", sa.JSON()),
        sa.Column("seed", sa.Integer()),
        sa.Column("prompt_tokens", sa.Integer()),
        sa.Column("completion_tokens", sa.Integer()),
        sa.Column("first_token_ms", sa.Double()),
        sa.Column("duration_ms", sa.Double()),
        sa.Column("stop_reason", sa.String(16)),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_messages_conversation_id_conversations",
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["messages.id"], name="fk_messages_parent_id_messages"
        ),
    )
    op.create_index("ix_messages_conversation_id", "messages", ["conversation_id"])
    op.create_index("ix_messages_parent_id", "messages", ["parent_id"])


def _opinions() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        sa.Column("message_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("value", sa.Integer()),
        sa.Column("reasons", sa.JSON()),
        sa.Column("comment", sa.Text()),
        sa.Column("text", sa.Text()),
        sa.Column("other_id", sa.String(32)),
        sa.Column("verdict", sa.String(16)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name="fk_feedback_rater_id_raters"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name="fk_feedback_message_id_messages"
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["messages.id"], name="fk_feedback_other_id_messages"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feedback_message_id", "feedback", ["message_id"])
    op.create_index("ix_feedback_rater_id_message_id", "feedback", ["rater_id", "message_id"])
    op.create_table(
        "signals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        sa.Column("message_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("amount", sa.Double()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_signals"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name="fk_signals_rater_id_raters"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name="fk_signals_message_id_messages"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_signals_message_id", "signals", ["message_id"])
    op.create_table(
        "beacons",
        sa.Column("page", sa.String(32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("rater_id", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("page", "seq", name="pk_beacons"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name="fk_beacons_rater_id_raters"),
    )


def _learning() -> None:
    op.create_table(
        "cycles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(64)),
        sa.Column("counts", sa.JSON()),
        sa.Column("reward", sa.JSON()),
        sa.Column("ppo", sa.JSON()),
        sa.Column("verdict", sa.JSON()),
        sa.Column("error", sa.Text()),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_cycles"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cycles_status", "cycles", ["status"])
    op.create_table(
        "adapters",
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("parent", sa.String(64), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("cycle_id", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_adapters"),
        sa.ForeignKeyConstraint(["cycle_id"], ["cycles.id"], name="fk_adapters_cycle_id_cycles"),
    )
    op.create_table(
        "serving",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_serving"),
        sqlite_autoincrement=True,
    )

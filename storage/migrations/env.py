"""Run by Alembic on the connection that `storage.schema` opened, inside its transaction."""

from alembic import context

from storage.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite can't alter most of a table in place
)
context.run_migrations()

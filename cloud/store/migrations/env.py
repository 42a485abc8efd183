"""What Alembic runs: uses the caller's connection, never opens one."""

from alembic import context

from cloud.store.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()

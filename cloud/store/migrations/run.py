"""Runs Alembic inside a transaction that the caller holds; never commits by itself."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def upgrade(connection: Connection, to: str = "head") -> None:
    """Bring the schema behind `connection` to the newest version, or to an older one for a test of it."""
    config = Config()
    config.set_main_option("script_location", "cloud.store:migrations")
    config.attributes["connection"] = connection
    newest = ScriptDirectory.from_config(config).get_current_head()
    if MigrationContext.configure(connection).get_current_revision() != newest:
        command.upgrade(config, to)

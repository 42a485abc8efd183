"""Alembic's migrations of headquarters' tables; a released one is never changed."""

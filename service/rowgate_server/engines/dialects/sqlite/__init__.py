"""SQLite, through aiosqlite."""

from rowgate_server.engines.dialects.sqlite.driver import SQLiteDriver

__all__ = ["SQLiteDriver"]

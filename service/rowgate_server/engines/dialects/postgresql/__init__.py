"""PostgreSQL, through asyncpg."""

from rowgate_server.engines.dialects.postgresql.driver import PostgreSQLDriver

__all__ = ["PostgreSQLDriver"]

"""MySQL and MariaDB, through asyncmy."""

from rowgate_server.engines.dialects.mysql.driver import MySQLDriver

__all__ = ["MySQLDriver"]

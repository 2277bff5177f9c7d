"""The SQL dialects, one file each. MariaDB speaks MySQL's."""

from __future__ import annotations

from enum import StrEnum


class Dialect(StrEnum):
    """How SQL is written: literals, quoted names, comments, casts."""

    MYSQL = "mysql"
    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"

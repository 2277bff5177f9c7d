"""Which columns hold text that can be compared as it is written, whatever their collation."""

from __future__ import annotations

import re

from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.dialects import Dialect

_TEXT = {
    Dialect.MYSQL: re.compile(r"(var)?char|(tiny|medium|long)?text|enum|set\b"),
    Dialect.POSTGRESQL: re.compile(r"citext|text\Z|character varying|varchar"),
    Dialect.SQLITE: re.compile(""),
}


def is_text(table: KnownTable, column: TableColumn) -> bool:
    """Whether a column holds text that is the same where each character is: not PostgreSQL's CHAR, which is padded."""
    return _TEXT[table.dialect].match(column.base_type) is not None

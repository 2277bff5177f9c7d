"""From SQLAlchemy's types to the arms of Value, on the engines whose columns bind their cells."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import types as generic
from sqlalchemy.dialects import mysql, postgresql

from rowgate_server.core.reflection import _cell_type, _size, value_type
from rowgate_server.core.tables import ReferentialAction
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (postgresql.BOOLEAN(), "BOOL"),
        (postgresql.SMALLINT(), "INT"),
        (postgresql.BIGINT(), "INT"),
        (postgresql.OID(), "INT"),
        (postgresql.REAL(), "DOUBLE"),
        (postgresql.DOUBLE_PRECISION(), "DOUBLE"),
        (postgresql.NUMERIC(12, 2), "DECIMAL"),
        (postgresql.TEXT(), "STRING"),
        (postgresql.CHAR(3), "STRING"),
        (postgresql.ENUM("a", "b", name="letters"), "STRING"),
        (postgresql.INET(), "STRING"),
        (postgresql.BYTEA(), "BYTES"),
        (postgresql.DATE(), "DATE"),
        (postgresql.TIME(), "TIME"),
        (postgresql.TIMESTAMP(timezone=False), "DATETIME"),
        (postgresql.TIMESTAMP(timezone=True), "TIMESTAMP"),
        (postgresql.JSON(), "JSON"),
        (postgresql.JSONB(), "JSON"),
        (postgresql.UUID(), "UUID"),
        (postgresql.INTERVAL(), "INTERVAL"),
        (postgresql.ARRAY(postgresql.INTEGER()), "LIST"),
        (postgresql.DOMAIN("positive", postgresql.INTEGER()), "INT"),
        (postgresql.DOMAIN("lists", postgresql.ARRAY(postgresql.INTEGER())), "LIST"),
        (mysql.TINYINT(), "INT"),
        (mysql.BIGINT(unsigned=True), "UINT"),
        (mysql.TINYINT(unsigned=True), "UINT"),
        (mysql.BIT(8), "UINT"),
        (mysql.YEAR(), "INT"),
        (mysql.FLOAT(), "DOUBLE"),
        (mysql.DOUBLE(), "DOUBLE"),
        (mysql.DECIMAL(65, 30), "DECIMAL"),
        (mysql.VARCHAR(10), "STRING"),
        (mysql.LONGTEXT(), "STRING"),
        (mysql.ENUM("a", "b"), "STRING"),
        (mysql.SET("a", "b"), "STRING"),
        (mysql.BINARY(16), "BYTES"),
        (mysql.VARBINARY(16), "BYTES"),
        (mysql.TINYBLOB(), "BYTES"),
        (mysql.MEDIUMBLOB(), "BYTES"),
        (mysql.LONGBLOB(), "BYTES"),
        (mysql.DATE(), "DATE"),
        (mysql.TIME(fsp=3), "TIME"),
        (mysql.DATETIME(fsp=6), "DATETIME"),
        (mysql.TIMESTAMP(), "TIMESTAMP"),
        (mysql.JSON(), "JSON"),
        (generic.NullType(), "STRING"),
    ],
    ids=lambda kind: kind if isinstance(kind, str) else f"{type(kind).__module__.split('.')[2]}-{kind!r}",
)
def test_a_type_has_an_arm(kind: Any, found: str) -> None:
    assert value_type(kind) is ValueType[found]


def test_a_column_of_sqlite_or_a_uuid_of_mariadb_binds_less() -> None:
    assert _cell_type(generic.INTEGER(), Dialect.SQLITE) is ValueType.DYNAMIC
    assert _cell_type(generic.UUID(), Dialect.MYSQL) is ValueType.STRING
    assert _cell_type(generic.UUID(), Dialect.POSTGRESQL) is ValueType.UUID


@pytest.mark.parametrize(
    ("kind", "length", "precision", "scale"),
    [
        (generic.VARCHAR(10), 10, None, None),
        (generic.NUMERIC(12, 2), None, 12, 2),
        (mysql.DATETIME(fsp=6), None, 6, None),
        (mysql.DECIMAL(10, 0), None, 10, 0),
        (postgresql.TIMESTAMP(precision=3), None, 3, None),
        (generic.VARCHAR(2**31 - 1), 2**31 - 1, None, None),
        (generic.VARCHAR(2**31), None, None, None),
        (generic.NUMERIC(2**40, 2**40), None, None, None),
        (generic.TEXT(), None, None, None),
    ],
)
def test_sizes_are_told_as_far_as_the_wire_can(
    kind: Any, length: int | None, precision: int | None, scale: int | None
) -> None:
    assert (_size(kind, "length"), _size(kind, "precision", "fsp"), _size(kind, "scale")) == (length, precision, scale)


@pytest.mark.parametrize(
    ("words", "action"),
    [
        ("CASCADE", ReferentialAction.CASCADE),
        ("set null", ReferentialAction.SET_NULL),
        ("SET DEFAULT", ReferentialAction.SET_DEFAULT),
        ("Restrict", ReferentialAction.RESTRICT),
        ("NO ACTION", ReferentialAction.NO_ACTION),
        ("", ReferentialAction.NO_ACTION),
        (None, ReferentialAction.NO_ACTION),
        ("SET NULL (a)", ReferentialAction.NO_ACTION),
    ],
)
def test_actions_are_known_by_their_words(words: str | None, action: ReferentialAction) -> None:
    assert ReferentialAction.named(words) is action

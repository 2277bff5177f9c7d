"""Tables copied as GetTable tells them, of every declared type: made again, mapped so that values stay, or refused."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import pytest

import rowgate
from rowgate.v1 import schema_service_pb2 as pb
from rowgate.v1 import schema_service_pb2_grpc
from support.engines import Engine
from support.making import MadeOnEach

_numbers = itertools.count(1)
_REFUSED = ""


class Type(NamedTuple):
    """A declared type, what it becomes on the two other engines (`_REFUSED`), and a value that it holds as SQL."""

    declared: str
    one: str
    other: str
    value: str = "null"


# On PostgreSQL, and on SQLite.
_OF_MARIADB = (
    Type("tinyint(4)", "smallint", "tinyint", "-128"),
    Type("tinyint(1)", "smallint", "tinyint", "127"),
    Type("smallint(5) unsigned", "integer", "smallint unsigned", "65535"),
    Type("mediumint(9)", "integer", "mediumint", "-8388608"),
    Type("int(11)", "integer", "int", "-2147483648"),
    Type("int(10) unsigned zerofill", "bigint", "int unsigned", "4294967295"),
    Type("bigint(20)", "bigint", "bigint", "-9223372036854775808"),
    Type("bigint(20) unsigned", "numeric(20,0)", "bigint unsigned", "9223372036854775807"),
    Type("bit(1)", "smallint", "tinyint unsigned", "1"),
    Type("bit(64)", "numeric(20,0)", "bigint unsigned", "9223372036854775807"),
    Type("decimal(12,2)", "numeric(12,2)", "decimal(12,2)", "1234567890.12"),
    Type("decimal(65,30)", "numeric(65,30)", _REFUSED),
    Type("decimal(5,2) unsigned zerofill", "numeric(5,2)", "decimal(5,2)", "1.5"),
    Type("double unsigned", "double precision", "double", "0.5"),
    Type("float", "real", "float", "1.5"),
    Type("double", "double precision", "double", "0.1"),
    Type("char(10)", "character varying(10)", "char(10)", "'abc'"),
    Type("varchar(40)", "character varying(40)", "varchar(40)", "'日本'"),
    Type("tinytext", "text", "text", "'x'"),
    Type("longtext", "text", "text", "'it''s'"),
    Type("binary(4)", "bytea", "blob", "x'00ff0102'"),
    Type("varbinary(4)", "bytea", "blob", "x'00ff'"),
    Type("mediumblob", "bytea", "blob", "x'00'"),
    Type("date", "date", "date", "'2024-02-29'"),
    Type("time(3)", "time(3) without time zone", "time", "'23:59:59.123'"),
    Type("datetime", "timestamp(0) without time zone", "datetime", "'2024-02-29 23:59:59'"),
    Type("datetime(6)", "timestamp(6) without time zone", "datetime", "'2024-02-29 23:59:59.123456'"),
    Type("timestamp(6)", "timestamp(6) with time zone", "timestamp", "'2024-02-29 23:59:59.123456'"),
    Type("year(4)", "smallint", "smallint", "2024"),
    Type("enum('a','it''s')", "character varying(4)", "varchar(4)", "'it''s'"),
    Type("set('a','b')", _REFUSED, _REFUSED),
    Type("json", "json", "text", "'{\"a\": 1}'"),
    Type("uuid", "uuid", "char(36)", "'123e4567-e89b-12d3-a456-426614174000'"),
    Type("point", _REFUSED, _REFUSED),
    Type("inet6", _REFUSED, _REFUSED),
)
# On MariaDB, and on SQLite.
_OF_POSTGRESQL = (
    Type("smallint", "smallint(6)", "smallint", "-32768"),
    Type("integer", "int(11)", "int", "-2147483648"),
    Type("bigint", "bigint(20)", "bigint", "-9223372036854775808"),
    Type("oid", "int(10) unsigned", "int unsigned", "4294967295"),
    Type("numeric(12,2)", "decimal(12,2)", "decimal(12,2)", "-1234567890.12"),
    Type("numeric(3,-2)", "decimal(5,0)", "decimal(5,0)", "99900"),
    Type("numeric", _REFUSED, _REFUSED),
    Type("numeric(66,0)", _REFUSED, _REFUSED),
    Type("real", "float", "float", "1.5"),
    Type("double precision", "double", "double", "0.1"),
    Type("boolean", "tinyint(1)", "boolean", "true"),
    Type("character(10)", "char(10)", "char(10)", "'abcdefghij'"),
    Type("character(300)", "varchar(300)", "char(300)", "'ab'"),
    Type("character varying(40)", "varchar(40)", "varchar(40)", "'日本'"),
    Type("character varying(100000)", "longtext", "varchar(100000)", "'x'"),
    Type("character varying", "longtext", "text", "'x'"),
    Type("text", "longtext", "text", "'x'"),
    Type("bytea", "longblob", "blob", "decode('00ff', 'hex')"),
    Type("date", "date", "date", "'2024-02-29'"),
    Type("time without time zone", "time(6)", "time", "'23:59:59.123456'"),
    Type("time(3) with time zone", _REFUSED, _REFUSED),
    Type("timestamp without time zone", "datetime(6)", "datetime", "'2024-02-29 23:59:59.123456'"),
    Type("timestamp(3) without time zone", "datetime(3)", "datetime", "'2024-02-29 23:59:59.123'"),
    Type("timestamp with time zone", "timestamp(6)", "timestamp", "'2024-02-29 23:59:59.123456+02'"),
    Type("json", "longtext", "text", "'{\"a\": 1}'"),
    Type("uuid", "char(36)", "char(36)", "'123e4567-e89b-12d3-a456-426614174000'"),
    Type("interval", _REFUSED, _REFUSED),
    Type("integer[]", _REFUSED, _REFUSED),
    Type("inet", _REFUSED, _REFUSED),
    Type("int4range", _REFUSED, _REFUSED),
    Type("bit(3)", _REFUSED, _REFUSED),
    Type('"char"', _REFUSED, _REFUSED),
    Type("xml", _REFUSED, _REFUSED),
    Type("money", _REFUSED, _REFUSED),
)
# On MariaDB, and on PostgreSQL.
_OF_SQLITE = (
    Type("tinyint", "bigint(20)", "bigint", "9007199254740993"),
    Type("int", "bigint(20)", "bigint", "9007199254740993"),
    Type("decimal(12,2)", "decimal(12,2)", "numeric(12,2)", "12.5"),
    Type("decimal", _REFUSED, "numeric", "12.5"),
    Type("float", "double", "double precision", "0.1"),
    Type("boolean", "tinyint(1)", "boolean", "null"),
    Type("varchar(40)", "varchar(40)", "character varying(40)", "'日本'"),
    Type("text", "longtext", "text", "'x'"),
    Type("blob", "longblob", "bytea", "x'00ff'"),
    Type("datetime", "datetime(6)", "timestamp(6) without time zone", "'2024-02-29 23:59:59.123456'"),
    Type("whatever", _REFUSED, _REFUSED),
)


_TYPES = {"mariadb": _OF_MARIADB, "postgresql": _OF_POSTGRESQL, "sqlite": _OF_SQLITE}
_OTHERS = {
    "mariadb": ("postgresql", "sqlite"),
    "postgresql": ("mariadb", "sqlite"),
    "sqlite": ("mariadb", "postgresql"),
}
_PAIRS = [(source, target) for source, targets in _OTHERS.items() for target in targets]


def _expected(source: str, target: str) -> list[tuple[Type, str]]:
    """What each type of an engine becomes on another."""
    return [(kind, kind[1 + _OTHERS[source].index(target)]) for kind in _TYPES[source]]


class Copier(MadeOnEach):
    """A table of one engine that is copied to others; whatever is made is dropped."""

    async def described(self, engine: str, declared: list[str]) -> pb.Table:
        """A new table of these types: columns c0, c1 and so on, beside a key."""
        columns = "".join(f", c{number} {kind} null" for number, kind in enumerate(declared))
        await self.client.using(engine).query(f"create table {self.name} (id integer primary key{columns})")
        return await self.on(engine).get(self.name)


@pytest.fixture
async def copier(
    schemas: schema_service_pb2_grpc.SchemaServiceAsyncStub, client: rowgate.Client
) -> AsyncIterator[Copier]:
    async with Copier(schemas, client, f"copied_{next(_numbers)}") as copier:
        yield copier


@pytest.mark.parametrize(("source", "target"), _PAIRS)
async def test_declared_types_are_mapped_and_hold_the_same_values(copier: Copier, source: str, target: str) -> None:
    mapped = [(kind, expected) for kind, expected in _expected(source, target) if expected != _REFUSED]
    described = await copier.described(source, [kind.declared for kind, _ in mapped])
    copy = (await copier.on(target).create(described)).table
    assert {
        kind.declared: column.database_type for (kind, _), column in zip(mapped, copy.columns[1:], strict=True)
    } == {kind.declared: expected for kind, expected in mapped}
    here, there = copier.client.using(source), copier.client.using(target)
    await here.query(f"insert into {copier.name} values (1, {', '.join(kind.value for kind, _ in mapped)})")
    row = await here.table(copier.name).get(1)
    await there.table(copier.name).insert(row)
    copied = await there.table(copier.name).get(1)
    assert {name: _comparable(value) for name, value in copied.as_dict().items()} == {
        name: _comparable(value) for name, value in row.as_dict().items()
    }


@pytest.mark.parametrize(("source", "target"), _PAIRS)
async def test_declared_types_without_a_match_are_refused(copier: Copier, source: str, target: str) -> None:
    refused = [kind.declared for kind, expected in _expected(source, target) if expected == _REFUSED]
    described = await copier.described(source, refused)
    for column in described.columns[1:]:
        alone = pb.Table(name=copier.name, engine=described.engine, columns=[column])
        with pytest.raises(rowgate.InvalidRequest) as caught:
            await copier.on(target).create(alone, dry_run=True)
        assert caught.value.field_violations[0].field == "table.columns[0].database_type"
        assert caught.value.metadata["column"] == column.name


async def test_every_type_is_made_again_by_its_own_engine(copier: Copier, engine: Engine) -> None:
    described = await copier.described(engine.name, [kind.declared for kind in _TYPES[engine.name]])
    await copier.on(engine.name).drop(copier.name)
    again = (await copier.on(engine.name).create(described)).table
    assert list(again.columns) == list(described.columns)
    assert list(again.checks) == list(described.checks)


def _comparable(value: object) -> object:
    """SQLite has neither dates nor booleans, and hands out what it was given; a CHAR may be padded."""
    if isinstance(value, bool):
        return Decimal(value)
    text = str(value).rstrip().replace("T", " ").removesuffix("+00:00").removesuffix(".000000")
    try:
        return Decimal(text)
    except InvalidOperation:
        return text

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from rowgate_server.engines.dialects.postgresql import types
from rowgate_server.engines.dialects.postgresql.arrays import ArrayColumns
from rowgate_server.engines.dialects.postgresql.origins import Field
from rowgate_server.engines.values import NULL, Array, BoundValue, ValueType


class Settings:
    """Where asyncpg keeps a connection's codecs."""

    def __init__(self) -> None:
        self.codecs: dict[int, tuple[Any, ...]] = {}

    def add_python_codec(self, oid: int, *codec: Any) -> None:
        assert oid not in self.codecs
        self.codecs[oid] = codec


class Connection:
    """What `install_codecs` touches of a connection."""

    def __init__(self) -> None:
        self._protocol = self
        self.settings = Settings()

    def get_settings(self) -> Settings:
        return self.settings


@pytest.fixture
def codecs() -> dict[int, tuple[Any, ...]]:
    connection = Connection()
    types.install_codecs(connection)
    return connection.settings.codecs


def attribute(oid: int, name: str, form: str = "scalar", schema: str = "pg_catalog") -> asyncpg.Attribute:
    return asyncpg.Attribute("c", asyncpg.Type(oid, name, form, schema))


@pytest.mark.parametrize(
    ("oid", "expected"),
    [
        (types.BOOL, ValueType.BOOL),
        (types.BYTEA, ValueType.BYTES),
        (types.INT2, ValueType.INT),
        (types.INT4, ValueType.INT),
        (types.INT8, ValueType.INT),
        (types.OID, ValueType.INT),
        (types.FLOAT4, ValueType.DOUBLE),
        (types.FLOAT8, ValueType.DOUBLE),
        (types.NUMERIC, ValueType.DECIMAL),
        (types.JSON, ValueType.JSON),
        (types.JSONB, ValueType.JSON),
        (types.UUID, ValueType.UUID),
        (types.DATE, ValueType.DATE),
        (types.TIME, ValueType.TIME),
        (types.TIMETZ, ValueType.TIME),
        (types.TIMESTAMP, ValueType.DATETIME),
        (types.TIMESTAMPTZ, ValueType.TIMESTAMP),
        (types.INTERVAL, ValueType.INTERVAL),
        (types.TEXT, ValueType.STRING),
        (869, ValueType.STRING),
        (100_000, ValueType.STRING),
    ],
)
def test_each_type_has_its_value_type(oid: int, expected: ValueType) -> None:
    column = types.column(attribute(oid, "its name"))
    assert (column.name, column.type, column.database_type) == ("c", expected, "its name")


def test_an_array_is_a_list_by_the_name_of_its_members() -> None:
    column = types.column(attribute(1007, "int4[]", "array"))
    assert (column.type, column.database_type) == (ValueType.LIST, "int4[]")


@pytest.mark.parametrize(
    ("oid", "counts", "text"),
    [
        (types.DATE, (1,), "2000-01-02"),
        (types.DATE, (2**31 - 1,), "infinity"),
        (types.TIME, (86_400_000_000,), "24:00:00.000000"),
        (types.TIMETZ, (1, -5400), "00:00:00.000001+01:30"),
        (types.TIMETZ, (0, 43_200), "00:00:00.000000-12:00"),
        (types.TIMESTAMP, (1,), "2000-01-01T00:00:00.000001"),
        (types.TIMESTAMP, (-(2**63),), "-infinity"),
        (types.TIMESTAMPTZ, (1,), "2000-01-01T00:00:00.000001+00:00"),
        (types.TIMESTAMPTZ, (2**63 - 1,), "infinity"),
        (types.TIMESTAMPTZ, (-(2**63),), "-infinity"),
        (types.INTERVAL, (14, 3, 500_000), "P1Y2M3DT0.500000S"),
    ],
)
def test_counts_on_the_wire_become_text_and_stay_counts_on_the_way_back(
    codecs: dict[int, tuple[Any, ...]], oid: int, counts: tuple[int, ...], text: str
) -> None:
    _, schema, _, kind, encode, decode, form = codecs[oid]
    assert (schema, kind, form) == ("pg_catalog", "scalar", "tuple")
    assert decode(counts) == text
    assert encode(counts) == counts


def test_what_asyncpg_would_make_objects_of_stays_postgresql_s_text(codecs: dict[int, tuple[Any, ...]]) -> None:
    as_text = {oid for oid, codec in codecs.items() if codec[-1] == "text"}
    assert {types.NUMERIC, types.JSON, types.JSONB, types.UUID, 869, 1560, 2249, 3904} <= as_text
    for oid in as_text:
        *_, encode, decode, _ = codecs[oid]
        assert encode("1.50") == decode("1.50") == "1.50"


def test_reflection_gets_json_as_objects() -> None:
    connection = Connection()
    types.install_codecs(connection, json_decoder=lambda text: [text])
    decoders = {oid: codec[-2] for oid, codec in connection.settings.codecs.items()}
    assert decoders[types.JSON]("{}") == decoders[types.JSONB]("{}") == ["{}"]
    assert decoders[types.NUMERIC]("1") == "1"


@pytest.mark.parametrize(
    ("name", "cell", "member_type"),
    [
        ("bool", True, ValueType.BOOL),
        ("int8", 5, ValueType.INT),
        ("numeric", "1.50", ValueType.DECIMAL),
        ("timestamptz", "2000-01-01T00:00:00.000000+00:00", ValueType.TIMESTAMP),
        ("text", "a", ValueType.STRING),
    ],
)
def test_members_of_arrays_say_their_type_themselves(name: str, cell: Any, member_type: ValueType) -> None:
    arrays = ArrayColumns([attribute(types.INT4, "int4"), attribute(1, f"{name}[]", "array")])
    read = arrays.read([(1, [cell, None]), (2, [[cell], [None]]), (3, []), (4, None)])
    assert read == [
        [1, Array(member_type, [cell, None])],
        [2, Array(member_type, [[cell], [None]])],
        [3, Array(member_type, [])],
        [4, None],
    ]
    assert read[1][1].bound() == BoundValue(
        ValueType.LIST,
        [BoundValue(ValueType.LIST, [BoundValue(member_type, cell)]), BoundValue(ValueType.LIST, [NULL])],
    )


@pytest.mark.parametrize(
    ("cell", "member_type"),
    [
        (True, ValueType.BOOL),
        (5, ValueType.INT),
        (0.5, ValueType.DOUBLE),
        (b"x", ValueType.BYTES),
        ("sad", ValueType.STRING),
    ],
)
def test_members_of_a_caller_s_own_type_are_what_they_look_like_whatever_its_name(
    cell: Any, member_type: ValueType
) -> None:
    arrays = ArrayColumns([attribute(100_000, "int4[]", "array", "public")])
    ((array,),) = arrays.read([([cell, None],)])
    assert array.bound() == BoundValue(ValueType.LIST, [BoundValue(member_type, cell), NULL])


def test_scalars_need_no_more_reading() -> None:
    records = [(1,), (2,)]
    assert ArrayColumns([attribute(types.INT4, "int4")]).read(records) is records


@dataclass(frozen=True)
class _Kind:
    oid: int
    kind: str = "scalar"
    name: str = ""


@dataclass(frozen=True)
class _Attribute:
    type: _Kind
    name: str = ""


@pytest.mark.parametrize(
    ("oid", "modifier", "narrow"),
    [
        (types.INT4, -1, True),
        (types.TIMESTAMPTZ, 3, True),
        (types.NUMERIC, (12 << 16 | 2) + 4, True),
        (types.NUMERIC, -1, False),
        (types.VARCHAR, 60 + 4, True),
        (types.VARCHAR, 100_000 + 4, False),
        (types.VARCHAR, -1, False),
        (types.TEXT, -1, False),
        (types.BYTEA, -1, False),
        (types.JSONB, -1, False),
    ],
)
def test_columns_are_narrow_only_where_their_types_say_so(oid: int, modifier: int, narrow: bool) -> None:
    assert types.are_narrow([_Attribute(_Kind(oid))], [Field(0, 0, modifier)]) is narrow


def test_an_array_may_have_any_width() -> None:
    assert not types.are_narrow([_Attribute(_Kind(1007, "array"))], [Field(0, 0, -1)])

"""Tables that no copy of may be made, on this engine or at all: refused by the field at fault, before the database."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from google.protobuf import json_format

import rowgate
from rowgate.v1 import schema_service_pb2 as pb
from rowgate.v1 import schema_service_pb2_grpc
from support.making import Maker


class Case(NamedTuple):
    """A description of one engine's table for another: `column` is told of its one column, `others` of the table."""

    source: str
    target: str
    field: str
    column: dict[str, Any]
    others: dict[str, Any]

    def described(self, name: str) -> pb.Table:
        column = {"name": "a", "databaseType": "varchar(9)", "nullable": True, **self.column}
        engine = f"ENGINE_{self.source.upper()}"
        return json_format.ParseDict({"name": name, "engine": engine, "columns": [column], **self.others}, pb.Table())


def _key(**told: Any) -> dict[str, Any]:
    return {"columns": ["a"], **told}


def _index(part: dict[str, Any] | None = None, **told: Any) -> dict[str, Any]:
    return {"indexes": [{"name": "by_a", "parts": [{"column": "a", **(part or {})}], **told}]}


_M, _P, _S = "mariadb", "postgresql", "sqlite"
_FOREIGN = {"referredTable": "b", "referredColumns": ["c"]}
_CASES = (
    Case(_M, _P, "columns[0].collation", {"collation": "utf8mb4_general_ci"}, {"uniqueConstraints": [_key()]}),
    Case(_M, _S, "columns[0].collation", {"collation": "latin1_swedish_ci"}, {"primaryKey": _key()}),
    Case(_S, _P, "columns[0].collation", {"collation": "NOCASE"}, _index(unique=True)),
    Case(_M, _P, "checks[0].expression", {"collation": "utf8mb4_general_ci"}, {"checks": [{"expression": "a = 'x'"}]}),
    Case(_M, _M, "columns[0].collation", {"collation": "x y"}, {}),
    Case(_M, _M, "columns[0].collation", {"collation": "latin1_bin--"}, {}),
    Case(_P, _P, "columns[0].collation", {"collation": '"C" check (1 = 1)'}, {}),
    Case(_P, _M, "columns[0].autoincrementAlways", {"autoincrementAlways": True}, {}),
    Case(_M, _M, "columns[0].name", {"name": "a\nb"}, {}),
    Case(_P, _P, "columns[0].name", {"name": "é" * 32}, {}),
    Case(_S, _S, "columns[0].name", {"name": ""}, {}),
    Case(_P, _P, "indexes[0].name", {}, _index(name="x" * 64)),
    Case(_M, _S, "indexes[0].method", {}, _index(method="fulltext")),
    Case(_P, _P, "indexes[0].method", {}, _index(method="gin; drop")),
    Case(_M, _P, "indexes[0].parts[0].length", {}, _index({"length": 3})),
    Case(_M, _M, "indexes[0].parts[0].length", {}, _index({"length": 0})),
    Case(_P, _M, "indexes[0].condition", {}, _index(partial=True, condition="a = 'x'")),
    Case(_M, _M, "indexes[0].condition", {}, _index(partial=True, condition="a = 'x'")),
    Case(_P, _P, "indexes[0].condition", {}, _index(partial=True)),
    Case(_P, _S, "indexes[0].include", {}, _index(include=["a"])),
    Case(_P, _S, "indexes[0].nullsNotDistinct", {}, _index(nullsNotDistinct=True)),
    Case(_P, _M, "indexes[0].parts[0].operatorClass", {}, _index({"operatorClass": "text_ops"})),
    Case(_P, _P, "indexes[0].parts[0].operatorClass", {}, _index({"operatorClass": "x) y"})),
    Case(_P, _S, "indexes[0].parts[0].nullsFirst", {}, _index({"nullsFirst": True})),
    Case(_P, _P, "indexes[0]", {}, {"indexes": [{"name": "by_nothing"}]}),
    Case(_P, _S, "primaryKey.deferral", {}, {"primaryKey": _key(deferral=2)}),
    Case(_P, _M, "uniqueConstraints[0].deferral", {}, {"uniqueConstraints": [_key(deferral=1)]}),
    Case(_P, _S, "uniqueConstraints[0].nullsNotDistinct", {}, {"uniqueConstraints": [_key(nullsNotDistinct=True)]}),
    Case(_S, _M, "foreignKeys[0].deferral", {}, {"foreignKeys": [_key(deferral=2, **_FOREIGN)]}),
    Case(
        _P,
        _M,
        "checks[0].expression",
        {},
        {
            "foreignKeys": [_key(onDelete="REFERENTIAL_ACTION_SET_NULL", **_FOREIGN)],
            "checks": [{"expression": "a <> 'x'"}],
        },
    ),
    Case(_S, _S, "foreignKeys[0]", {}, {"foreignKeys": [_key(referredTable="b")]}),
    Case(_P, _M, "options", {}, {"options": ["UNLOGGED"]}),
    Case(_S, _S, "options[0]", {}, {"options": ["TEMP"]}),
    Case(_S, _S, "primaryKey", {}, {"primaryKey": {}}),
    Case(_S, _S, "columns", {}, {"columns": []}),
    Case(_M, _P, "untold[0]", {}, {"untold": ["TRIGGER x"]}),
)


@pytest.mark.parametrize("case", _CASES, ids=lambda case: f"{case.source}-{case.target}-{case.field}")
async def test_what_can_not_be_made_is_refused_by_its_field(
    schemas: schema_service_pb2_grpc.SchemaServiceAsyncStub, case: Case
) -> None:
    with pytest.raises((rowgate.NotSupported, rowgate.InvalidRequest)) as caught:
        await Maker(schemas, case.target).create(case.described("refused_one"), if_not_exists=True)
    path = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in case.field)
    assert caught.value.field_violations[0].field == f"table.{path}"
    assert caught.value.metadata["outcome"] == "NOT_RUN"

"""One gateway with a policy for all tests here; who calls is told by each of them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest

from support.engines import ENGINES, Engine
from support.policed import Caller, Policed, policed, value

_numbers = itertools.count(1)

POLICY = """
roles:
  root:
    rules:
      - {databases: "*", allow: [raw, ddl, raw_read, admin]}
      - {databases: "*", table: "*", schema: "*", allow: [read, insert, update, delete]}
      - {databases: "*", table: "*", allow: [read, insert, update, delete]}
  member:
    rules:
      - databases: "*"
        table: notes_*
        allow: [read, insert, update, delete]
        except: [secret]
        rows: {column: tenant, value: {claim: tenant}}
  owner:
    rules:
      - {databases: "*", table: notes_*, allow: [read, insert, update, delete]}
  reader:
    rules:
      - {databases: "*", table: notes_*, allow: read}
  lister:
    rules:
      - databases: "*"
        table: notes_*
        allow: read
        read: [id, tenant, body]
        rows: {column: tenant, op: IN, values: {claim: tenants}}
  masked:
    rules:
      - databases: "*"
        table: notes_*
        allow: [read, update]
        masks: {body: partial, secret: hash, tenant: hide}
  writer:
    rules:
      - {databases: "*", table: notes_*, allow: insert, write: [id, tenant, body]}
  sql_reader:
    rules:
      - {databases: "*", allow: raw_read}
      - {databases: "*", table: notes_*, allow: [read, update]}
  sql_writer:
    rules:
      - {databases: "*", allow: raw}
  mistyped:
    rules:
      - {databases: "*", table: named_cards, allow: read, except: [card_nubmer]}
  mismasked:
    rules:
      - {databases: "*", table: named_cards, allow: read, masks: {emial: hide}}
  exact:
    rules:
      - {databases: "*", table: named_cards, allow: read, except: [card_number], masks: {email: hide}}
  cased:
    rules:
      - {databases: "*", table: named_cards, allow: read, except: [CARD_NUMBER], masks: {EMAIL: hide}}
  cased_of_several:
    rules:
      - {databases: "*", table: "named_*", allow: read, except: [Card_Number, of_others], masks: {Email: hide}}
  several:
    rules:
      - {databases: "*", table: "named_*", allow: read, except: [card_number, of_others], masks: {email: hide}}
  broken:
    rules:
      - {databases: "*", table: notes_*, allow: read, rows: {column: nowhere, value: 1}}
  slow:
    rules:
      - {databases: "*", table: notes_*, allow: read}
      - {databases: "*", allow: raw_read}
    limits: {rows: 3, time: 400ms}
  scant:
    rules:
      - {databases: "*", table: notes_*, allow: [read, insert, update, delete]}
      - {databases: "*", allow: [raw]}
    limits: {rows: 3}
  scant_member:
    rules:
      - {databases: "*", table: notes_*, allow: [read, insert, update], rows: {column: id, op: GT, value: 0}}
    limits: {rows: 3}
  few:
    rules:
      - {databases: "*", table: notes_*, allow: read}
    limits: {rate: 0.05, burst: 3}
  steps:
    rules:
      - {databases: "*", allow: [raw_read]}
    limits: {rate: 0.05, burst: 3}
  narrow:
    rules:
      - {databases: "*", table: notes_*, allow: read}
      - {databases: "*", allow: raw_read}
    limits: {bytes: 1KiB}
  single:
    rules:
      - {databases: "*", allow: [raw_read]}
    limits: {concurrent: 1}
"""
ROWS = [
    (1, "acme", "first of acme", "s1"),
    (2, "acme", "second of acme", "s2"),
    (3, "ACME", "of a namesake", "s3"),
    (4, "globex", "of globex", "s4"),
    (5, None, "of nobody", "s5"),
    (6, "acmé", "of another namesake", "s6"),
]


@pytest.fixture(scope="session")
async def gateway_with_policy(urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Policed]:
    async with policed(urls, POLICY, tmp_path_factory.mktemp("policy")) as running:
        yield running


@pytest.fixture
def root(gateway_with_policy: Policed) -> Caller:
    return gateway_with_policy.caller("root", "root")


@pytest.fixture
async def notes(root: Caller, engine: Engine) -> AsyncIterator[str]:
    """A table of several tenants' rows; its text is compared without regard to case and accents where that can be."""
    name = f"notes_{next(_numbers)}"
    collated = {
        "sqlite": "text collate nocase",
        "mariadb": "varchar(40) character set utf8mb4 collate utf8mb4_general_ci",
        "postgresql": "varchar(40)",
    }[engine.name]
    await sql(
        root,
        engine.name,
        f"create table {name} (id integer primary key, tenant {collated}, body varchar(40), secret varchar(40))",
    )
    await root(
        "TableService/InsertRows",
        {
            "database": engine.name,
            "table": name,
            "rows": [
                {"values": dict(zip(("id", "tenant", "body", "secret"), map(value, row), strict=True))} for row in ROWS
            ],
        },
    )
    yield name
    await sql(root, engine.name, f"drop table {name}")


async def sql(caller: Caller, database: str, text: str) -> dict[str, object]:
    return await caller("QueryService/ExecuteQuery", {"database": database, "sql": text})


assert {engine.name for engine in ENGINES} == {"sqlite", "mariadb", "postgresql"}

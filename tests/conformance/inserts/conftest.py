"""A table of notes, and InsertRows on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import rowgate
from support.engines import Engine
from support.table_writes import COUNTED_KEY


@pytest.fixture
async def notes(db: rowgate.Database, engine: Engine) -> AsyncIterator[str]:
    """A counted key, a unique code, a text with a default, a checked number, a generated one."""
    await db.query(
        f"create table notes ({COUNTED_KEY[engine.name]}, code varchar(20), body varchar(64) not null default 'empty', "
        "stars smallint check (stars < 6), twice integer generated always as (stars * 2) stored, "
        "constraint notes_code unique (code))"
    )
    yield "notes"
    await db.query("drop table notes")

"""What completion offers of a small shop, by dialect and without a database; a bar is where the cursor is."""

from __future__ import annotations

from rowgate_server.core.completion.candidates import Offer
from rowgate_server.core.completion.place import Place, place_at
from rowgate_server.core.completion.records import Candidate, CandidateKind
from rowgate_server.core.tables import TableKind
from rowgate_server.core.tree import Routine, RoutineKind, SchemaName, Tree, TreeColumn, TreeTable
from rowgate_server.core.tree.records import Sealing
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType

_TABLES = {
    "shop": {"buyers": "id name region", "orders": "id buyer placed_on", "regions": "region boss"},
    "audit": {"log": "at what from_where"},
}


def shop() -> Tree:
    """Two schemas, of which the first one is the default one."""
    schemas = []
    for schema, tables in _TABLES.items():
        sealing = Sealing(SchemaName(schema, is_default=schema == "shop"))
        for name, columns in tables.items():
            told = (TreeColumn(column, ValueType.INT, "int", nullable=False) for column in columns.split())
            sealing.add(TreeTable(name, TableKind.TABLE, tuple(told)))
        routines = (Routine("price_of"), Routine("close_day", RoutineKind.PROCEDURE)) if schema == "shop" else ()
        schemas.append(sealing.sealed(routines))
    return Tree(tuple(schemas), 0.0)


def place(text: str, dialect: Dialect) -> Place:
    """Where the bar is."""
    before, after = text.split("|")
    return place_at(before + after, len(before), dialect)


def offered(text: str, dialect: Dialect = Dialect.POSTGRESQL) -> list[Candidate]:
    """Everything that fits what is typed."""
    found = place(text, dialect)
    offer = Offer(dialect, shop(), "")
    return [each for each in offer.candidates(found) if each.label.casefold().startswith(found.prefix.casefold())]


def labels(text: str, *kinds: CandidateKind, dialect: Dialect = Dialect.POSTGRESQL) -> list[str]:
    """The names of those of some kinds."""
    return [each.label for each in offered(text, dialect) if each.kind in kinds]

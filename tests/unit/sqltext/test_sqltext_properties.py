"""What holds for any text: placeholders are found, nothing else is touched, and SQLite agrees."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.core.sqltext import bind, fingerprint, parse
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundValue, ValueType
from rowgate_server.errors import RowgateError

HOSTILE = [
    *"'\"`\\?:;-#/*$@[]!M \n\r\té中x1",
    *(":x", "--", "-- ", "/*", "*/", "/*!", "$1", "$$", "$a$", "E'", "''", "begin"),
]
CONTENT = st.lists(st.sampled_from(HOSTILE), max_size=8).map("".join)
VALUE = BoundValue(ValueType.INT, 1)

each_dialect = pytest.mark.parametrize("dialect", Dialect)


def doubled(quote: str, content: str) -> str:
    return quote + content.replace(quote, quote * 2) + quote


def backslashed(quote: str, content: str) -> str:
    return quote + content.replace("\\", "\\\\").replace(quote, f"\\{quote}") + quote


def block_comment(content: str) -> str:
    return f"/* {content.replace('*/', '* /').replace('/*', '/ *')} */ 1"


def line_comment(content: str) -> str:
    return f"-- {content.replace(chr(10), '').replace(chr(13), '')}\n 1"


def dollar_quoted(content: str) -> str:
    return f"$q1$ {content} $q1$"


SEGMENTS = {
    Dialect.MYSQL: [
        lambda content: doubled("'", content.replace("\\", "\\\\")),
        lambda content: backslashed("'", content),
        lambda content: backslashed('"', content),
        lambda content: doubled("`", content),
        lambda content: f"# {content.replace(chr(10), '')}\n 1",
        line_comment,
        block_comment,
    ],
    Dialect.POSTGRESQL: [
        lambda content: doubled("'", content),
        lambda content: "E" + backslashed("'", content),
        lambda content: f"E'a' \n {backslashed(chr(39), content)}",
        lambda content: doubled('"', content),
        dollar_quoted,
        line_comment,
        block_comment,
        lambda content: f"/* /* {block_comment(content)[:-2]} */ ' */ 1",
    ],
    Dialect.SQLITE: [
        lambda content: doubled("'", content),
        lambda content: doubled('"', content),
        lambda content: doubled("`", content),
        lambda content: f"[{content.replace(']', '')}]",
        line_comment,
        block_comment,
    ],
}


@st.composite
def statements(draw: st.DrawFn, dialect: Dialect, placeholder: str) -> tuple[str, int]:
    """A text of inert segments and placeholders, and how many of these it has."""
    number = 0
    items = []
    for _ in range(draw(st.integers(1, 8))):
        if draw(st.booleans()):
            items.append(placeholder)
            number += 1
        else:
            items.append(draw(st.sampled_from(SEGMENTS[dialect]))(draw(CONTENT)))
    return "select " + draw(st.sampled_from([",", ", ", "\n,"])).join(items), number


@each_dialect
@given(data=st.data())
def test_exactly_the_named_placeholders_are_found(dialect: Dialect, data: st.DataObject) -> None:
    sql, number = data.draw(statements(dialect, ":p"))
    statement = parse(sql, dialect)
    assert (statement.named, statement.positional) == (("p",) * number, 0)
    bound = bind(statement, {"p": VALUE} if number else {}, ())
    assert ":p".join(bound.fragments) == sql
    assert bound.values == (VALUE,) * number


@each_dialect
@given(data=st.data())
def test_exactly_the_positional_placeholders_are_found(dialect: Dialect, data: st.DataObject) -> None:
    sql, number = data.draw(statements(dialect, "?"))
    statement = parse(sql, dialect)
    assert (statement.named, statement.positional) == ((), number)
    bound = bind(statement, {}, [VALUE] * number)
    assert "?".join(bound.fragments) == sql
    assert bound.values == (VALUE,) * number


@each_dialect
@given(text=st.one_of(st.text(), st.lists(st.sampled_from([*HOSTILE, "select", "create trigger "])).map("".join)))
def test_any_text_is_bound_or_refused(dialect: Dialect, text: str) -> None:
    fingerprint(text, dialect)
    try:
        statement = parse(text, dialect)
        bound = bind(statement, dict.fromkeys(statement.named, VALUE), ())
    except RowgateError:
        return
    names = [f":{name}" for name in statement.named]
    rejoined = "".join(part for pair in zip(bound.fragments, [*names, ""], strict=True) for part in pair)
    assert text.startswith(rejoined)
    assert text[len(rejoined) : len(rejoined) + 1] in {"", ";"}


CELLS = st.one_of(st.none(), st.integers(1 - 2**63, 2**63 - 1), st.binary(max_size=8), CONTENT)


def sqlite_literal(cell: Any) -> str:
    if cell is None:
        return "null"
    if isinstance(cell, bytes):
        return f"x'{cell.hex()}'"
    return str(cell) if isinstance(cell, int) else doubled("'", cell)


@given(
    cells=st.lists(st.tuples(CELLS, st.booleans(), CONTENT), min_size=1, max_size=8),
    tail=st.sampled_from(["", ";", "; -- ?"]),
)
def test_sqlite_gives_back_every_literal_and_every_bound_value(cells: list[tuple[Any, bool, str]], tail: str) -> None:
    parts = [f"{block_comment(note)[:-1]}{'?' if bound else sqlite_literal(cell)}" for cell, bound, note in cells]
    values = [BoundValue(ValueType.STRING, cell) for cell, bound, _ in cells if bound]
    statement = bind(parse(f"select {','.join(parts)}{tail}", Dialect.SQLITE), {}, values)
    with sqlite3.connect(":memory:") as connection:
        rows = connection.execute("?".join(statement.fragments), [value.value for value in statement.values]).fetchall()
    connection.close()
    assert rows == [tuple(cell for cell, _, _ in cells)]

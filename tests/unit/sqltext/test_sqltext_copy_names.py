"""Whatever a relation of a COPY is called, and however it is written: the statement's own FROM or TO is found."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.core.sqltext import parse
from rowgate_server.core.sqltext.copying import copies_over_the_wire
from rowgate_server.engines.dialects import Dialect

# FROM and TO are reserved: bare, they are names behind a point alone.
FIRST = st.sampled_from(["t", "tö", "stdin", "stdout", "copy", "binary", '"from"', '"to"', '"a.from"', '"""to"'])
BEHIND_A_POINT = st.sampled_from(["from", "To", "stdin", "STDOUT", "select", "t", '"from"', '"to"', '".from"'])
GAPS = st.sampled_from(["", " ", "\n", "/**/", "/* . /* from */ stdin */", "-- to stdout.\n"])
LISTS = st.sampled_from(["", '("from")', '(a, "to")', "(stdin)"])
CLIENTS, OTHERS = st.sampled_from(["stdin", "STDOUT"]), st.sampled_from(["'/x'", "$$stdin$$", "program 'to stdout'"])


@st.composite
def beginnings(draw: st.DrawFn) -> str:
    """`COPY`, a relation with up to three names, and which way it goes."""
    names = [draw(FIRST), *draw(st.lists(BEHIND_A_POINT, max_size=2))]
    relation = "".join(f"{draw(GAPS)}{point}{draw(GAPS)}{name}" for point, name in zip(" ..", names, strict=False))
    return f"copy {relation}{draw(GAPS)} {draw(LISTS)}{draw(GAPS)} {draw(st.sampled_from(['from', 'TO']))}{draw(GAPS)} "


@given(beginnings(), CLIENTS)
def test_what_goes_to_the_client_is_found(beginning: str, client: str) -> None:
    assert copies_over_the_wire(parse(beginning + client, Dialect.POSTGRESQL))


@given(beginnings(), OTHERS)
def test_what_goes_to_a_file_is_not(beginning: str, other: str) -> None:
    assert not copies_over_the_wire(parse(beginning + other, Dialect.POSTGRESQL))

"""Whatever a text is and wherever it is cut: no error, a range at the cursor, and no more steps than it deserves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.core.offers import shop

from rowgate_server.core.completion.candidates import Offer
from rowgate_server.core.completion.place import place_at
from rowgate_server.core.completion.tokens import tokenise
from rowgate_server.engines.dialects import Dialect

_STATEMENTS = [
    "select o.id, b.* from orders o join buyers b using (id) where o.id in (select id from audit.log) order by 1",
    "with recursive t(n) as (select 1 union all select n + 1 from t), u as (delete from orders returning *) select 1",
    "insert into orders (id, buyer) values (1, 'it''s') on conflict (id) do update set id = excluded.id returning id",
    "insert into orders select b.id, now() from buyers b on duplicate key update id = values(id)",
    "update orders o set id = 1, buyer = (select max(id) from buyers) from (values (1, 2)) as v(x, y) where o.id = x",
    "merge into orders o using buyers b on o.id = b.id when matched then update set id = 1",
    "alter table if exists only shop.orders drop column if exists id, rename column buyer to who, add unique (id)",
    "create index i on orders (lower(buyer), id desc) where id is distinct from extract(day from placed_on)",
    'select "a b", `c`, [d], $$e$$, :f, ?, 1.5e3, /* g */ -- h\nfrom ((orders o cross join buyers) join (select 1) x)',
    "select row_number() over (partition by id order by buyer) nr, id::numeric(10, 2) from generate_series(1, 2) g(n);",
]
_WORDS = sorted({word for statement in _STATEMENTS for word in statement.split()})
_PIECES = st.one_of(st.sampled_from(_STATEMENTS), st.sampled_from(_WORDS), st.sampled_from(list("()[],.;'\"`$*/-\n ")))
_TEXTS = st.lists(_PIECES, max_size=12).map(" ".join)
_DIALECTS = st.sampled_from(list(Dialect))
_TREE = shop()


@settings(max_examples=200)
@given(_TEXTS, st.data(), _DIALECTS)
def test_any_cut_of_any_text_is_completed(text: str, data: st.DataObject, dialect: Dialect) -> None:
    cursor = data.draw(st.integers(0, len(text)))
    begin, end = data.draw(st.integers(0, cursor)), data.draw(st.integers(cursor, len(text)))
    cut, cursor = text[begin:end], cursor - begin
    place = place_at(cut, cursor, dialect)
    assert 0 <= place.start <= cursor <= place.end <= len(cut)
    assert place.prefix in cut[place.start : cursor]
    tokens = tokenise(cut, dialect, cursor)
    assert [token.start for token in tokens] + [len(cut)] == [0, *(token.end for token in tokens)]
    for candidate in Offer(dialect, _TREE, "").candidates(place):
        assert candidate.text


@settings(max_examples=25, deadline=None)
@given(st.lists(_PIECES, min_size=1, max_size=4).map(" ".join), _TEXTS, _DIALECTS)
def test_a_text_twice_as_long_takes_about_twice_the_steps(piece: str, end: str, dialect: Dialect) -> None:
    many = 2 * (1 + 250 // len(piece))  # even, so that what is open is open in both

    def complete(times: int) -> None:
        text = f"{piece} " * times + end
        for _ in Offer(dialect, _TREE, "").candidates(place_at(text, len(text), dialect)):
            pass

    once, twice = _steps(lambda: complete(many)), _steps(lambda: complete(2 * many))
    assert twice < 2.5 * once + 5_000


def _steps(work: Callable[[], None]) -> int:
    """Lines of Python that are run, each turn of a loop anew."""
    steps = 0

    def count(_frame: FrameType, event: str, _told: Any) -> Callable[..., Any]:
        nonlocal steps
        steps += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
    return steps

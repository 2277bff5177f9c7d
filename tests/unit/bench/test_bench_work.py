"""The list of work and its statements."""

from __future__ import annotations

import pytest

from bench.work import INSERT, POINT, WORKS, chosen, pyformat


def test_work_is_chosen_by_name_or_by_kind() -> None:
    assert [work.name for work in chosen(["page", "point"])] == ["point-1", "point-16", "point-64", "page"]
    assert chosen([]) == WORKS


def test_unknown_work_is_refused_with_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"no such work: pint; .*point-16"):
        chosen(["pint"])


def test_the_bare_driver_gets_its_own_placeholders() -> None:
    assert pyformat(POINT).endswith("where id = %(id)s")
    assert pyformat(INSERT).endswith("values (%(name)s, %(price)s, %(quantity)s, %(created_at)s, %(weight)s)")

"""Name patterns: what they match, and that no pattern takes long."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.sqlite_files import databases, fill

from rowgate_server.core.catalog import Catalog, TableQuery, _matcher
from rowgate_server.errors import Reason, RowgateError

LETTERS = st.sampled_from("abAB*?\\%_.[]^$ \néÉ日")


def _matches(pattern: str, name: str) -> bool:
    return _matcher(pattern).match(name) is not None


def _naive(pattern: str, name: str) -> bool:
    """What `schema_service.proto` says, word for word and as slow as it likes."""
    if not pattern:
        return not name
    first, rest = pattern[0], pattern[1:]
    if first == "*":
        return any(_naive(rest, name[start:]) for start in range(len(name) + 1))
    if first == "\\" and rest:
        first, rest = rest[0], rest[1:]
        wild = False
    else:
        wild = first == "?"
    return bool(name) and (wild or first.lower() == name[0].lower()) and _naive(rest, name[1:])


@given(st.text(LETTERS, max_size=8), st.text(LETTERS, max_size=8))
def test_a_pattern_matches_as_the_proto_says(pattern: str, name: str) -> None:
    assert _matches(pattern, name) == (not pattern or _naive(pattern, name))


@given(st.text(st.characters(exclude_characters="*?\\")))
def test_a_name_matches_itself_and_none_longer(name: str) -> None:
    assert _matches(name, name)
    assert not name or not _matches(name, f"{name}x")
    assert not name or not _matches(name, f"x{name}")


@given(st.text())
def test_every_name_can_be_asked_for_with_backslashes(name: str) -> None:
    assert _matches("".join(f"\\{letter}" for letter in name), name)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("", "anything", True),
        ("*", "", True),
        ("**", "x", True),
        ("?", "", False),
        ("orders", "ORDERS", True),
        ("ord*", "Orders", True),
        ("ord", "orders", False),
        ("*ers", "orders", True),
        ("o*d*s", "orders", True),
        ("o?ders", "orders", True),
        ("%", "orders", False),
        ("%", "%", True),
        ("_", "x", False),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        ("a\\?b", "axb", False),
        ("a\\\\b", "a\\b", True),
        ("a\\", "a\\", True),
        ("a*", "a\nb", True),
        ("a", "a\n", False),
        ("(a|b)", "a", False),
    ],
)
def test_patterns_by_example(pattern: str, name: str, *, matches: bool) -> None:
    assert _matches(pattern, name) is matches


@pytest.mark.parametrize("pattern", ["*?" * 100 + "x", "*a" * 100 + "x", "*a*" * 100 + "\\x", "?*" * 100 + "x"])
def test_a_pattern_of_many_stars_does_not_stop_the_gateway(pattern: str) -> None:
    # Trying every way to share the name among the stars would take longer than there is time.
    began = time.monotonic()
    assert not _matches(pattern, "a" * 1000)
    assert time.monotonic() - began < 5


async def test_a_pattern_that_is_too_long_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = fill(tmp_path / "main.db", f"create table {'a' * 1000} (x)")
    async with databases({"main": file}) as found:
        catalog = Catalog(found)
        assert len((await catalog.list_tables(TableQuery("main", name_pattern="a" * 1000))).tables) == 1
        with pytest.raises(RowgateError) as caught:
            await catalog.list_tables(TableQuery("main", name_pattern="a" * 1001))
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_REQUEST, "name_pattern")
    assert caught.value.metadata["limit"] == "1000 characters"

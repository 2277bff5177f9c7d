"""The heads of messages are found wherever what is received is cut, and one that is too long before it has come."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rowgate_server.engines.dialects.postgresql.heads import LONGEST, Heads, TooLongError

ROW = 3 * 1024 * 1024
READY = b"Z\0\0\0\5I"
ERROR = b"SFEHLER\0VERROR\0C22P02\0M"
FULL = 256 * 1024
"""As much as is received at a time."""

lengths = st.integers(0, 40) | st.integers(0, 400_000)
answers = st.lists(st.tuples(st.sampled_from([b"D", b"N", b"E", b"S", b"C"]), lengths), max_size=8)
cuts = st.lists(st.integers(1, 6) | st.integers(1, FULL), min_size=1, max_size=20)


def message(kind: bytes, length: int, beginning: bytes = b"") -> bytes:
    # What looks like the end of an answer, everywhere: no head is to be seen in it.
    return struct.pack("!cI", kind, length + 4) + (beginning + READY * (length // 6 + 1))[:length]


def pieces(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    at = index = 0
    while at < len(data):
        size = sizes[index % len(sizes)] if len(data) < FULL or index < len(sizes) else FULL
        yield data[at : at + size]
        at, index = at + size, index + 1


def follow(heads: Heads, data: bytes, sizes: list[int]) -> tuple[TooLongError | None, int]:
    """What was found, and after how many bytes."""
    came = 0
    for piece in pieces(data, sizes):
        came += len(piece)
        if (found := heads.follow(piece)) is not None:
            return found, came
    return None, came


@settings(max_examples=40)
@given(before=st.lists(answers, max_size=3), cut=cuts)
def test_messages_within_their_bounds_pass_however_they_are_cut(
    before: list[list[tuple[bytes, int]]], cut: list[int]
) -> None:
    heads = Heads(ROW)
    for answer in before:
        heads.rest()
        data = b"".join(message(*each) for each in answer) + message(b"D", ROW - 4) + READY
        assert follow(heads, data, cut)[0] is None


@settings(max_examples=40)
@given(before=st.lists(answers, max_size=3), answer=answers, kind=st.sampled_from([b"D", b"N", b"E", b"S"]), cut=cuts)
def test_one_that_is_too_long_is_found_before_it_has_come(
    before: list[list[tuple[bytes, int]]], answer: list[tuple[bytes, int]], kind: bytes, cut: list[int]
) -> None:
    heads = Heads(ROW)
    for each in before:
        heads.rest()
        assert follow(heads, b"".join(message(*one) for one in each) + READY, cut)[0] is None
    heads.rest()
    first = b"".join(message(*one) for one in answer)
    most = ROW if kind == b"D" else LONGEST
    found, came = follow(heads, first + message(kind, most, ERROR), cut)
    assert found is not None
    assert found.most == most
    assert found.row == (kind == b"D")
    assert found.sqlstate == ("22P02" if kind == b"E" else None)
    assert came < len(first) + 4 * FULL


@pytest.mark.parametrize("came", [300_000, 1_900_000])
def test_a_rest_is_none_while_a_message_is_under_way(came: int) -> None:
    heads = Heads(ROW)
    row = message(b"D", 2_000_000, b"x" * 2_000_000) + READY
    assert follow(heads, row[:came], [FULL])[0] is None
    heads.rest()
    assert follow(heads, row[came:], [FULL])[0] is None
    heads.rest()
    found, _ = follow(heads, message(b"E", LONGEST, ERROR), [FULL])
    assert found is not None
    assert found.sqlstate == "22P02"


@pytest.mark.parametrize("seen", range(0, 30, 3))
def test_the_code_of_an_error_is_waited_for(seen: int) -> None:
    rows = message(b"D", 900_000)
    found, _ = follow(Heads(ROW), rows + message(b"E", LONGEST, ERROR), [len(rows) + seen, 40, FULL])
    assert found is not None
    assert found.sqlstate == "22P02"


def test_an_error_without_a_code_is_found_too() -> None:
    found, _ = follow(Heads(ROW), message(b"E", LONGEST), [FULL])
    assert found is not None
    assert found.sqlstate == ""

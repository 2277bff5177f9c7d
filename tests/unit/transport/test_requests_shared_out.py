"""How much of the room for large requests each caller may have."""

from __future__ import annotations

import pytest

from rowgate_server.errors import RowgateError
from rowgate_server.transport.interceptors.held import HeldBytes


def fits(held: HeldBytes, who: str, octets: int) -> bool:
    try:
        held.check(who, octets)
    except RowgateError:
        return False
    return True


def test_the_process_holds_so_much_and_a_connection_half_of_what_others_leave() -> None:
    held = HeldBytes(100)
    held.check("a", 50)
    held.hold("a", 45)
    with pytest.raises(RowgateError, match="requests under way take all the room") as caught:
        held.check("a", 6)
    assert caught.value.metadata == {"limit": "50 bytes for a caller", "outcome": "NOT_RUN"}
    held.check("b", 27)
    with pytest.raises(RowgateError) as caught:
        held.check("b", 28)
    assert caught.value.metadata["limit"] == "half of the 55 bytes that other callers leave"
    held.release("a", 45)
    held.check("b", 50)


def test_there_is_something_left_for_one_more_however_much_those_before_have_taken() -> None:
    held = HeldBytes(4096)
    for before, who in enumerate("abcdefgh"):
        assert fits(held, who, 4096 >> before + 1)
        while fits(held, who, 1):
            held.hold(who, 1)
    assert fits(held, "another", 8)

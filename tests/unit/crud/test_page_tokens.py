"""Page tokens: what goes in comes out, bit by bit, and nothing else is taken."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.core.crud.plans import FALSE, TRUE, RowTerm, SortTerm, Term, both, either
from rowgate_server.core.crud.plans import Test as Predicate
from rowgate_server.core.crud.tokens import Tokens, fingerprint
from rowgate_server.engines.values import NULL, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

TOKENS = Tokens("a secret of the tests' own")
REQUEST = fingerprint("shop", "public", "orders")

_TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
_SCALARS = st.one_of(
    st.just(NULL),
    st.builds(BoundValue, st.just(ValueType.BOOL), st.booleans()),
    st.builds(BoundValue, st.sampled_from([ValueType.INT, ValueType.UINT]), st.integers(-(2**63), 2**64 - 1)),
    st.builds(BoundValue, st.just(ValueType.DOUBLE), st.floats(allow_nan=False)),
    st.builds(
        BoundValue,
        st.sampled_from([ValueType.STRING, ValueType.DECIMAL, ValueType.DATE, ValueType.TIMESTAMP, ValueType.UUID]),
        _TEXTS,
    ),
    st.builds(BoundValue, st.just(ValueType.BYTES), st.binary(max_size=40)),
)
_LISTS = st.builds(BoundValue, st.just(ValueType.LIST), st.lists(_SCALARS, max_size=4))
ROWS = st.lists(st.one_of(_SCALARS, _LISTS), max_size=5)


def _refusal(token: str, request: bytes = REQUEST, tokens: Tokens = TOKENS) -> str:
    with pytest.raises(RowgateError) as caught:
        tokens.read(request, token)
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_REQUEST, "page_token")
    return caught.value.message


@given(ROWS)
def test_a_token_gives_back_any_row(row: list[BoundValue]) -> None:
    token = TOKENS.write(REQUEST, row)
    assert token.isascii()
    assert set(token).isdisjoint("+/=% &?#")
    assert TOKENS.read(REQUEST, token) == row


@given(st.floats())
def test_a_float_comes_back_with_every_bit(number: float) -> None:
    (back,) = TOKENS.read(REQUEST, TOKENS.write(REQUEST, [BoundValue(ValueType.DOUBLE, number)]))
    assert back.type is ValueType.DOUBLE
    assert math.copysign(1, back.value) == math.copysign(1, number) or math.isnan(number)
    assert back.value == number or (math.isnan(back.value) and math.isnan(number))


@given(ROWS, st.data())
def test_one_bit_that_differs_is_noticed(row: list[BoundValue], data: st.DataObject) -> None:
    token = TOKENS.write(REQUEST, row)
    octets = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    at = data.draw(st.integers(0, len(octets) * 8 - 1))
    octets[at // 8] ^= 1 << at % 8
    _refusal(base64.urlsafe_b64encode(bytes(octets)).rstrip(b"=").decode())


@given(ROWS, st.data())
def test_a_token_that_was_cut_is_refused(row: list[BoundValue], data: st.DataObject) -> None:
    token = TOKENS.write(REQUEST, row)
    _refusal(token[: data.draw(st.integers(0, len(token) - 1))])


@given(
    st.one_of(
        st.text(max_size=200), st.binary(max_size=200).map(lambda octets: base64.urlsafe_b64encode(octets).decode())
    )
)
def test_any_other_text_is_refused(token: str) -> None:
    _refusal(token)


def test_the_spare_bits_at_the_end_of_a_token_are_part_of_it() -> None:
    """Base64 has them, and without a check the same token would have several spellings."""
    for row in ([], [NULL], [NULL, NULL]):
        token = TOKENS.write(REQUEST, row)
        for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
            if last != token[-1]:
                _refusal(token[:-1] + last)


def test_a_token_of_another_request_is_told_from_one_that_is_none() -> None:
    token = TOKENS.write(REQUEST, [NULL])
    assert "another request" in _refusal(token, fingerprint("shop", "public", "customers"))
    assert "not one of ours" in _refusal(token[:-1])


def test_a_token_of_another_secret_is_none() -> None:
    token = TOKENS.write(REQUEST, [NULL])
    assert Tokens("a secret of the tests' own").read(REQUEST, token) == [NULL]
    assert "not one of ours" in _refusal(token, tokens=Tokens("another secret, and longer"))


def test_without_a_secret_each_process_makes_up_its_own() -> None:
    _refusal(Tokens("").write(REQUEST, [NULL]), tokens=Tokens(""))


_EQ, _NE = Term(Predicate.EQ, "a", (0,)), Term(Predicate.NE, "a", (0,))
_DIFFERENT: list[Any] = [
    None,
    TRUE,
    FALSE,
    _EQ,
    _NE,
    Term(Predicate.EQ, "b", (0,)),
    Term(Predicate.EQ, "a", (1,)),
    Term(Predicate.EQ, "a", (0,), cut=True),
    RowTerm(Predicate.GT, ("a",), (0,)),
    RowTerm(Predicate.GT, ("a", "b"), (0, 1)),
    both(_EQ, _NE),
    either(_EQ, _NE),
    both(_EQ, either(_EQ, _NE)),
    SortTerm("a"),
    SortTerm("a", descending=True),
    SortTerm("a", nulls_first=True),
    SortTerm("a", nulls_first=False),
    (SortTerm("a"), SortTerm("b")),
    *(
        [BoundValue(kind, content)]
        for kind, content in (
            (ValueType.INT, 1),
            (ValueType.UINT, 1),
            (ValueType.BOOL, True),
            (ValueType.DOUBLE, 1.0),
            (ValueType.STRING, "1"),
            (ValueType.STRING, "31"),
            (ValueType.BYTES, b"1"),
            (ValueType.LIST, (BoundValue(ValueType.INT, 1),)),
            (ValueType.LIST, (BoundValue(ValueType.INT, 1),) * 2),
        )
    ),
    "a",
    ("a",),
    ("a", ""),
    ("", "a"),
]


def test_requests_that_differ_in_anything_have_different_fingerprints() -> None:
    prints = [fingerprint("shop", each) for each in _DIFFERENT]
    assert len(set(prints)) == len(_DIFFERENT)
    assert prints == [fingerprint("shop", each) for each in _DIFFERENT]

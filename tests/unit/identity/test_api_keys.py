"""API keys: made once, kept as salted hashes, proved in threads, and remembered for a while."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from rowgate_server.identity.api_keys import ApiKeys, Known
from rowgate_server.identity.authenticator import Authenticator, Methods
from rowgate_server.identity.certificates import Certificates
from rowgate_server.identity.failures import FailureLimit
from rowgate_server.identity.hashing import KeyHash, make_key
from rowgate_server.identity.known import KnownCredentials
from rowgate_server.identity.principal import Method, Principal
from rowgate_server.identity.refusal import RefusedError, Why
from rowgate_server.identity.tokens import Tokens
from support.eventually import eventually

PEER = "ipv4:192.0.2.1:4000"
BOB = Principal("bob", Method.API_KEY, ("reader",))
KEY, HASH = make_key("bob")
OTHERS = make_key("bob")[0]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Gate:
    """An authenticator, and what it told."""

    def __init__(self, burst: int = 5) -> None:
        self.clock = Clock()
        self.refused: list[Why] = []
        self.keys = ApiKeys({"bob": Known(HASH, BOB)})
        methods = Methods(self.keys, Tokens([]), Certificates({"dns:billing": BOB}))
        self.known = KnownCredentials(3, self.clock)
        limit = FailureLimit(burst, 10.0, clock=self.clock)
        self.authenticator = Authenticator(methods, limit, self.refused.append, self.known)

    async def ask(self, *headers: str | bytes, sans: tuple[str, ...] = (), peer: str = PEER) -> Principal:
        found = self.authenticator.authenticate(headers, lambda: sans, peer)
        return found if isinstance(found, Principal) else await found

    async def why(self, *headers: str | bytes, **rest: Any) -> Why:
        with pytest.raises(RefusedError) as caught:
            await self.ask(*headers, **rest)
        assert self.refused[-1] is caught.value.why
        return caught.value.why


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that were compared with a hash, in order."""
    seen: list[str] = []
    matches = KeyHash.matches

    def watched(self: KeyHash, key: str) -> bool:
        assert threading.current_thread() is not threading.main_thread(), "it would hold the event loop for 40 ms"
        seen.append(key)
        return matches(self, key)

    monkeypatch.setattr(KeyHash, "matches", watched)
    return seen


def test_no_two_hashes_of_a_key_are_alike_and_none_tells_it() -> None:
    (one, first), (two, second) = make_key("bob"), make_key("bob")
    assert one != two
    assert first.salt != second.salt
    assert one.partition(".")[2] not in str(first)
    assert KeyHash.parse(str(first)) == first
    assert first.matches(one)
    assert not first.matches(two)


@pytest.mark.parametrize("name", ["", "Bob", "a.b", "-a", "a" * 64, "a b", "a\n"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name for a key"):
        make_key(name)


@pytest.mark.parametrize("cost", ["13:8:1", "14:7:1", "14:8:0", "14:8:5", "20:8:1", "14:64:1", "99:8:1"])
def test_a_hash_that_is_too_cheap_or_too_dear_is_refused(cost: str) -> None:
    with pytest.raises(ValueError, match="parameters"):
        KeyHash.parse(f"scrypt:{cost}:{'s' * 22}:{'h' * 43}")


async def test_a_key_is_proved_once_and_known_for_a_while(proofs: list[str]) -> None:
    gate = Gate()
    assert await gate.ask(f"Bearer {KEY}") is BOB
    assert gate.authenticator.authenticate([f"Bearer {KEY}"], lambda: (), PEER) is BOB
    assert len(proofs) == 1
    gate.clock.now += 301
    assert await gate.ask(f"Bearer {KEY}") is BOB
    assert len(proofs) == 2


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (("Basic x",), Why.MALFORMED),
        (("Bearer a", "Bearer b"), Why.DUPLICATE),
        (("Bearer " + "x" * 9000,), Why.TOO_LARGE),
        ((), Why.CERTIFICATE),
    ],
)
async def test_what_takes_no_proof_is_held_against_its_peer_as_well(headers: tuple[str, ...], why: Why) -> None:
    gate = Gate(burst=2)
    whys = [await gate.why(*headers, sans=("dns:stranger",)) for _ in range(3)]
    assert whys == [why, why, Why.RATE_LIMITED]
    assert await gate.ask(sans=("dns:billing",)) is BOB, "a good certificate costs nothing to look at"
    assert await gate.why(*headers, sans=("dns:stranger",), peer="ipv4:10.9.9.9:1") is why


async def test_many_calls_with_one_new_key_cost_one_proof(proofs: list[str]) -> None:
    gate = Gate()
    found = await asyncio.gather(*(gate.ask(f"Bearer {KEY}") for _ in range(200)))
    assert set(found) == {BOB}
    assert len(proofs) == 1


async def test_a_caller_that_goes_away_does_not_end_the_proof_for_others(proofs: list[str]) -> None:
    gate = Gate()
    first = asyncio.create_task(gate.ask(f"Bearer {KEY}"))
    second = asyncio.create_task(gate.ask(f"Bearer {KEY}"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is BOB
    assert len(proofs) == 1


async def test_a_wrong_name_costs_as_much_as_a_wrong_secret(proofs: list[str]) -> None:
    gate = Gate()
    assert await gate.why(f"Bearer {OTHERS}") is Why.WRONG_KEY
    stranger = OTHERS.replace("rgk_bob", "rgk_eve")
    assert await gate.why(f"Bearer {stranger}") is Why.UNKNOWN_KEY
    assert proofs == [OTHERS, stranger]


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ((), Why.CERTIFICATE),
        ((f"Bearer {KEY}", f"Bearer {KEY}"), Why.DUPLICATE),
        (("Bearer " + "x" * 8192,), Why.TOO_LARGE),
        ((KEY,), Why.MALFORMED),
        ((f"Basic {KEY}",), Why.MALFORMED),
        (("Bearer ",), Why.MALFORMED),
        ((f"Bearer {KEY}, Bearer {KEY}",), Why.MALFORMED),
        ((f"Bearer {KEY} {KEY}",), Why.MALFORMED),
        ((f"Bearer {KEY[:-1]}",), Why.MALFORMED),
        ((f"Bearer {KEY}x",), Why.MALFORMED),
        (("Bearer rgk_BOB." + "x" * 43,), Why.MALFORMED),
        ((b"Bearer " + KEY.encode(),), Why.MALFORMED),
        (("Bearer ünïcode",), Why.MALFORMED),
    ],
    ids=[
        "none",
        "two",
        "huge",
        "bare",
        "basic",
        "empty",
        "list",
        "spaces",
        "short",
        "long",
        "case",
        "bytes",
        "letters",
    ],
)
async def test_what_is_no_credential_is_refused_unproved(
    proofs: list[str], headers: tuple[str | bytes, ...], why: Why
) -> None:
    assert await Gate().why(*headers) is why
    assert proofs == []


async def test_a_certificate_does_not_make_up_for_a_wrong_key() -> None:
    gate = Gate()
    assert await gate.ask(sans=("dns:billing", "ip:127.0.0.1")) is BOB
    assert await gate.why(f"Bearer {OTHERS}", sans=("dns:billing",)) is Why.WRONG_KEY
    assert await gate.why(sans=("dns:other", "uri:billing", "billing")) is Why.CERTIFICATE


async def test_a_peer_that_is_wrong_too_often_is_not_listened_to_for_a_while(proofs: list[str]) -> None:
    gate = Gate(burst=3)
    assert await gate.ask(f"Bearer {KEY}") is BOB
    for number in range(3):
        assert await gate.why(f"Bearer {make_key(f'n{number}')[0]}") is Why.UNKNOWN_KEY
    assert await gate.why(f"Bearer {OTHERS}") is Why.RATE_LIMITED
    assert len(proofs) == 4
    # What is known goes on, other addresses do, and so does this one later.
    assert await gate.ask(f"Bearer {KEY}") is BOB
    assert await gate.why(f"Bearer {OTHERS}", peer="ipv4:192.0.2.2:1") is Why.WRONG_KEY
    assert gate.authenticator.retry_after(PEER) == 10.0
    gate.clock.now += 10.0
    assert await gate.why(f"Bearer {OTHERS}") is Why.WRONG_KEY


async def test_proofs_that_wait_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    go, gate = threading.Event(), Gate(burst=1000)
    monkeypatch.setattr(KeyHash, "matches", lambda _, __: go.wait(10) and False)
    stem = KEY[:-3]
    waiting = [asyncio.create_task(gate.why(f"Bearer {stem}{number:03d}")) for number in range(100)]
    await eventually(lambda: gate.refused.count(Why.RATE_LIMITED) == 36, 10, "all but 64 were refused")
    go.set()
    assert (await asyncio.gather(*waiting)).count(Why.WRONG_KEY) == 64


def test_known_credentials_are_bounded_timed_and_kept_without_their_text() -> None:
    clock = Clock()
    known = KnownCredentials(2, clock)
    one, two, three = (known.digest(text) for text in ("one", "two", "three"))
    known.put(one, BOB, 10)
    known.put(two, BOB, 10, holds=lambda: clock.now < 105)
    assert known.get(one) is BOB
    known.put(three, BOB, 20)
    assert (len(known), known.get(two), known.get(one)) == (2, None, BOB)
    known.put(two, BOB, 20, holds=lambda: clock.now < 105)
    clock.now = 105
    assert known.get(two) is None
    clock.now = 120
    assert known.get(three) is None
    assert known.digest("one") != KnownCredentials().digest("one")
    assert b"one" not in b"".join(known._entries)


@pytest.mark.parametrize(
    ("peer", "same", "other"),
    [
        ("ipv4:192.0.2.1:4000", "ipv4:192.0.2.1:4001", "ipv4:192.0.2.2:4000"),
        ("ipv6:%5B2001:db8::1%5D:1", "ipv6:%5B2001:db8::ffff:2%5D:9", "ipv6:%5B2001:db8:0:1::1%5D:1"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:1", "ipv4:192.0.2.1:5", "ipv6:%5B::ffff:192.0.2.2%5D:1"),
        ("unix:", "unix:/run/x", "ipv4:127.0.0.1:1"),
    ],
)
def test_failures_are_held_against_the_address_in_bounded_memory(peer: str, same: str, other: str) -> None:
    limit = FailureLimit(1, 10.0, most=50, clock=Clock())
    limit.failed(peer)
    assert limit.wait(same) == 10.0
    assert limit.wait(other) == 0.0
    for number in range(1000):
        limit.failed(f"ipv4:10.0.{number // 250}.{number % 250}:1")
    assert len(limit) == 50

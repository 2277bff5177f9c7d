"""Durations, sizes and addresses: what is read, what is refused, and that showing and reading agree."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.config.values import (
    Address,
    FrozenMapping,
    format_duration,
    format_size,
    parse_duration,
    parse_optional_address,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("5s", 5.0),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("1.5h", 5400.0),
        ("30", 30.0),
        ("0.5", 0.5),
        ("0.1ms", 0.0001),
        ("5 s", 5.0),
        (" 5s ", 5.0),
        (7, 7.0),
        (0.25, 0.25),
        (1e-3, 0.001),
    ],
)
def test_a_duration_is_read(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "value",
    ["", "s", "-1s", "1d", "1h30m", "5S", "1e3", "inf", "nan", "0x10", "٣s", "1,5s", True, None, -1, float("nan"), []],
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be a duration such as 250ms"):
        parse_duration(value)


@given(st.integers(0, 7 * 24 * 3600 * 1000))
def test_every_millisecond_is_shown_as_it_is_read(milliseconds: int) -> None:
    seconds = parse_duration(f"{milliseconds}ms")
    assert seconds == pytest.approx(milliseconds / 1000)
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3600.0, "1h"),
        (5400.0, "90m"),
        (60.0, "1m"),
        (0.25, "250ms"),
        (0.0015, "0.0015s"),
        (0.0, "0s"),
        (36000.0, "10h"),
    ],
)
def test_a_duration_is_shown_in_the_largest_unit_that_is_exact(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64MiB", 64 << 20),
        ("64Mi", 64 << 20),
        ("1MB", 1_000_000),
        ("1M", 1_000_000),
        ("1kB", 1000),
        ("1KB", 1000),
        ("1KiB", 1024),
        ("1.5KiB", 1536),
        ("2GiB", 2 << 30),
        ("1GB", 10**9),
        ("512B", 512),
        ("512", 512),
        ("1 MiB", 1 << 20),
        (4096, 4096),
    ],
)
def test_a_size_is_read(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("value", ["", "MiB", "-1", "1TB", "64mib", "1m", "1iB", "0x10", True, None, {}])
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be a size such as 64MiB"):
        parse_size(value)


def test_a_part_of_a_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="whole number of bytes"):
        parse_size("1.5")


@given(st.integers(0, 1 << 40))
def test_every_size_is_shown_as_it_is_read(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:50051", Address(host="127.0.0.1", port=50051)),
        ("gateway.internal:0", Address(host="gateway.internal", port=0)),
        ("[::1]:50051", Address(host="::1", port=50051)),
        ("unix:/run/rowgate.sock", Address(path="/run/rowgate.sock")),
    ],
)
def test_an_address_is_read_and_shown_alike(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert str(address) == text


def test_a_unix_socket_may_be_written_as_a_url() -> None:
    assert Address.parse("unix:///run/rowgate.sock") == Address(path="/run/rowgate.sock")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("50051", "must be host:port"),
        (":50051", "names no host"),
        ("::1:50051", "goes in brackets"),
        ("[::g]:1", "no valid IPv6"),
        ("a b:1", "host names cannot have"),
        ("host:65536", "from 0 to 65535"),
        ("host:http", "from 0 to 65535"),
        ("host:²", "from 0 to 65535"),
        ("unix:run/x.sock", "absolute path"),
        ("unix://host/x.sock", "absolute path"),
        ("unix:/" + "x" * 107, "at most 107 bytes"),
        ("off", "must be host:port"),
        (50051, "must be host:port"),
    ],
)
def test_what_is_no_address_is_refused_with_a_reason(text: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Address.parse(text)


def test_off_is_an_address_only_where_there_may_be_none() -> None:
    assert parse_optional_address("OFF") is None
    assert parse_optional_address("host:1") == Address(host="host", port=1)
    with pytest.raises(ValueError, match="or off"):
        parse_optional_address("no")


def test_a_frozen_mapping_equals_its_items_and_survives_pickling() -> None:
    frozen = FrozenMapping({"a": 1})
    assert frozen == {"a": 1}
    assert pickle.loads(pickle.dumps(frozen)) == frozen
    assert not hasattr(frozen, "__setitem__")

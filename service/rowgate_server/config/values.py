"""The kinds of value that settings have beside numbers and text: durations, sizes, addresses.

Every parser takes text, raises ValueError with a sentence that fits behind a setting's name, and never repeats the
text: it may be a secret that went to the wrong place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from ipaddress import AddressValueError, IPv6Address, ip_address
from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class FrozenMapping(Mapping[_Key, _Value], Generic[_Key, _Value]):
    """A mapping that cannot be changed; unlike MappingProxyType it can be pickled for a spawned process."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[_Key, _Value]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: _Key) -> _Value:
        return self._items[key]

    def __iter__(self) -> Iterator[_Key]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)


class Unit(Enum):
    """What the number of a setting counts; it decides how the number is read and shown."""

    SECONDS = "seconds"
    BYTES = "bytes"


# Two groups each, the number and its unit; the JSON schema has them too.
_NUMBER = r"([0-9]{1,18}(?:\.[0-9]{1,9})?)"
DURATION_PATTERN = rf"{_NUMBER} ?(ms|s|m|h)?"
SIZE_PATTERN = rf"{_NUMBER} ?((?:[kKMG]i?)?B?)"
_DURATION_FORM = "must be a duration such as 250ms, 5s, 2m or 1h, or a number of seconds"
_SIZE_FORM = "must be a size such as 64MiB, 1MB or a number of bytes"

_DECIMALS = 9
_SECONDS = {"h": Decimal(3600), "m": Decimal(60), "s": Decimal(1), "ms": Decimal("0.001")}
_BINARY = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10}
_PREFIXES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "ki": 1 << 10}
_PREFIXES |= {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def parse_duration(value: object) -> float:
    """Seconds, to the nanosecond, from `250ms`, `5s`, `2m`, `1.5h` or a plain number of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
        return round(float(value), _DECIMALS)
    match = re.fullmatch(DURATION_PATTERN, value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(_DURATION_FORM)
    return round(float(Decimal(match[1]) * _SECONDS[match[2] or "s"]), _DECIMALS)


def format_duration(seconds: float) -> str:
    """Text that `parse_duration` reads as exactly these seconds, in the largest unit that is exact."""
    exact = Decimal(repr(float(seconds)))
    for unit, length in _SECONDS.items():
        if exact and exact % length == 0:
            return f"{exact // length:f}{unit}"
    return f"{exact.normalize():f}s"


def parse_size(value: object) -> int:
    """Bytes from `64MiB`, `64Mi` (1024s), `1MB`, `1M` (1000s), `512B` or a plain number of bytes."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = re.fullmatch(SIZE_PATTERN, value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(_SIZE_FORM)
    size = Decimal(match[1]) * _PREFIXES[match[2].removesuffix("B")]
    if size != size.to_integral_value():
        raise ValueError("must come to a whole number of bytes")
    return int(size)


def format_size(size: int) -> str:
    """Text that `parse_size` reads as exactly these bytes, in the largest unit that is exact."""
    for unit, length in _BINARY.items():
        if size and size % length == 0:
            return f"{size // length}{unit}"
    return str(size)


def format_quantity(number: float, unit: Unit | None) -> str:
    """A setting's number as a person writes it."""
    if unit is Unit.SECONDS:
        return format_duration(number)
    return format_size(int(number)) if unit is Unit.BYTES else str(number)


_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})")
_PORT = re.compile(r"[0-9]{1,5}")
# sun_path holds 108 bytes on Linux, the terminating NUL among them.
_UNIX_PATH_BYTES = 107
_HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: a host and port, or the path of a Unix socket.

    Attributes:
        host: a name or IP address, IPv6 without brackets; empty for a Unix socket.
        port: 0 lets the system pick one, and is also what a Unix socket has.
        path: absolute path of a Unix socket; empty for host and port.
    """

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, value: object) -> Address:
        """Read `host:port`, `[::1]:port` or `unix:/path`."""
        if isinstance(value, Address):
            return value
        text = value.strip() if isinstance(value, str) else ""
        if text.startswith("unix:"):
            return cls(path=_socket_path(text.removeprefix("unix:")))
        host, colon, port = text.rpartition(":")
        if not colon:
            raise ValueError("must be host:port, [IPv6]:port or unix:/path")
        return cls(host=parse_host(host), port=parse_port(port, lowest=0))

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it. Of names only `localhost`: what others mean may change."""
        if self.path or self.host.lower() == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        """The form that `parse` reads, which is also gRPC's and a URL's."""
        if self.path:
            return f"unix:{self.path}"
        return f"{bracketed(self.host)}:{self.port}"


def parse_host(text: str) -> str:
    """A host name or IP address; IPv6 comes in brackets and is returned without them."""
    if text.startswith("[") and text.endswith("]"):
        try:
            return str(IPv6Address(text[1:-1]))
        except AddressValueError:
            raise ValueError("has no valid IPv6 address between the brackets") from None
    if ":" in text:
        raise ValueError("has too many colons: an IPv6 address goes in brackets, as in [::1]:50051")
    if not text:
        raise ValueError("names no host: 0.0.0.0 or [::] stand for every interface")
    if not _HOST.fullmatch(text):
        raise ValueError("has a host name with a character that host names cannot have")
    return text


def parse_port(text: str, *, lowest: int) -> int:
    """A port number from `lowest` to 65535."""
    if not _PORT.fullmatch(text) or not lowest <= int(text) <= _HIGHEST_PORT:
        raise ValueError(f"has a port that is not a number from {lowest} to {_HIGHEST_PORT}")
    return int(text)


def bracketed(host: str) -> str:
    """The host as it stands before `:port`."""
    return f"[{host}]" if ":" in host else host


def _socket_path(text: str) -> str:
    # gRPC also writes unix:///path.
    path = text.removeprefix("//") if text.startswith("///") else text
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError("must give a Unix socket by its absolute path, as in unix:/run/rowgate.sock")
    if not path.isprintable() or len(path.encode()) > _UNIX_PATH_BYTES:
        raise ValueError(f"must give a Unix socket by a printable path of at most {_UNIX_PATH_BYTES} bytes")
    return path


def parse_optional_address(value: object) -> Address | None:
    """An address, or None for `off`."""
    if value is None or (isinstance(value, str) and value.strip().lower() == "off"):
        return None
    try:
        return Address.parse(value)
    except ValueError as error:
        raise ValueError(f"{error}; or off") from None


def format_optional_address(address: Address | None) -> str:
    """The form that `parse_optional_address` reads."""
    return "off" if address is None else str(address)

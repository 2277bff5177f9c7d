"""What a setting's field is made of: its kind of value, and whether the value may be shown."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    WithJsonSchema,
)

from rowgate_server.config.url import SCHEMES, DatabaseUrl
from rowgate_server.config.values import (
    Address,
    Unit,
    format_optional_address,
    parse_duration,
    parse_optional_address,
    parse_size,
)

Path = tuple[str, ...]


class Visibility(Enum):
    """Whether a setting's value may be shown to whoever may read the configuration's printout."""

    VISIBLE = "visible"
    SECRET = "secret"  # noqa: S105 - a name


VISIBLE = Visibility.VISIBLE
SECRET = Visibility.SECRET


class Derived(NamedTuple):
    """Says in words what a setting is when it is left out, where that is no constant."""

    words: str


MEBIBYTE = 1 << 20
_WEEK = 7 * 24 * 3600.0
LARGEST_MESSAGE = 1 << 30  # gRPC counts a message's bytes in a signed 32-bit number

_ADDRESS_PATTERN = r"^(unix:/.+|.+:[0-9]+)$"
_URL_PATTERN = f"^({'|'.join(name.replace('+', '[+]') for name in SCHEMES)})://"

_Seconds = Annotated[float, BeforeValidator(parse_duration), Unit.SECONDS]
Duration = Annotated[_Seconds, Field(ge=0.001, le=_WEEK)]
DurationOrOff = Annotated[_Seconds, Field(ge=0, le=_WEEK)]
Size = Annotated[int, BeforeValidator(parse_size), Unit.BYTES]
MessageSize = Annotated[Size, Field(ge=1, le=LARGEST_MESSAGE)]
ListenAddress = Annotated[
    Address,
    PlainValidator(Address.parse),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": _ADDRESS_PATTERN}),
]
OptionalAddress = Annotated[
    Address | None,
    PlainValidator(parse_optional_address),
    PlainSerializer(format_optional_address),
    WithJsonSchema({"type": "string", "pattern": f"^off$|{_ADDRESS_PATTERN}"}),
]
Url = Annotated[
    DatabaseUrl,
    PlainValidator(DatabaseUrl.parse),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": _URL_PATTERN, "writeOnly": True}),
]


_SHORTEST_SECRET = 16


def long_enough(secret: SecretStr) -> SecretStr:
    """A secret that is not guessed, or none."""
    if secret and len(secret) < _SHORTEST_SECRET:
        raise ValueError(f"must have at least {_SHORTEST_SECRET} characters")
    return secret


def lower_case(value: object) -> object:
    """Text in lower case, for the names that are the same in any."""
    return value.lower() if isinstance(value, str) else value


class Section(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)

"""What goes with a call beside its statement: time, retries, limits and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, Final, Literal, TypeAlias, TypedDict

from google.protobuf.duration_pb2 import Duration

from rowgate._retry import DEFAULT_RETRY, Retry
from rowgate.v1.query_service_pb2 import QueryOptions
from rowgate.v1.result_pb2 import RESULT_ENCODING_COLUMNS
from rowgate.v1.routing_pb2 import ROUTE_NEAREST, ROUTE_PRIMARY, ROUTE_REPLICA
from rowgate.v1.routing_pb2 import Route as WireRoute
from rowgate.v1.transact_pb2 import BeginTransaction

Route: TypeAlias = Literal["primary", "replica", "nearest"]
Metadata: TypeAlias = "Mapping[str, str | bytes]"

DEFAULT_TIMEOUT: Final = 30.0
"""Seconds."""

_ROUTES: Final[Mapping[object, WireRoute.ValueType]] = {
    "primary": ROUTE_PRIMARY,
    "replica": ROUTE_REPLICA,
    "nearest": ROUTE_NEAREST,
}
_HEAD_START: Final = 0.25
_HEAD_START_SHARE: Final = 0.2


class OptionChanges(TypedDict, total=False):
    """What `with_options` takes; what is left out stays as it is.

    Attributes:
        timeout: seconds for a whole call, its retries included; for a stream, until its last row was read.
            None: no limit of the client's, only the gateway's.
        retry: when to make a call again; None: never.
        metadata: gRPC metadata to send, beside what is sent already.
        max_rows: cut results after so many rows; None: no limit of the client's.
        max_bytes: cut results before the row that goes past so many bytes; None: no limit of the client's.
        read_only: refuse writes (`ReadOnly`), which also makes statements safe to retry.
        tag: a label for the gateway's logs: 1 to 64 of `A-Z a-z 0-9 . _ / : -`; "": none.
        route: which of the database's servers is asked: "primary", "replica" (the primary where there is none) or
            "nearest". All but "primary" need `read_only`.
        max_staleness: seconds that a replica may be behind the primary to be asked; None: as the gateway has it.
    """

    timeout: float | None
    retry: Retry | None
    metadata: Metadata
    max_rows: int | None
    max_bytes: int | None
    read_only: bool
    tag: str
    route: Route
    max_staleness: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """The options of a client or view, checked; `OptionChanges` says what each means.

    Raises:
        ValueError: one is out of range.
    """

    timeout: float | None = DEFAULT_TIMEOUT
    retry: Retry | None = DEFAULT_RETRY
    metadata: Metadata = field(default_factory=dict)
    max_rows: int | None = None
    max_bytes: int | None = None
    read_only: bool = False
    tag: str = ""
    route: Route = "primary"
    max_staleness: float | None = None

    def __post_init__(self) -> None:
        # 0 means "no limit" on the wire: whoever asks for no rows must not get all of them.
        for name in ("timeout", "max_rows", "max_bytes", "max_staleness"):
            value = getattr(self, name)
            if value is not None and not 0 < value < inf:
                raise ValueError(f"{name} must be more than 0 and finite; None is for no limit")
        if self.route not in _ROUTES:
            raise ValueError(f"route is one of {', '.join(map(repr, _ROUTES))}")
        if self.route != "primary" and not self.read_only:
            raise ValueError("only what is read_only goes elsewhere than to the primary")
        if self.route == "primary" and self.max_staleness is not None:
            raise ValueError("max_staleness is of replicas: it needs another route than the primary")

    def changed(self, changes: OptionChanges) -> CallOptions:
        """The same options but for the changes.

        Raises:
            TypeError: there is no such option.
            ValueError: one is out of range.
        """
        if "metadata" in changes:
            # gRPC refuses a key in upper case.
            added = {key.lower(): value for key, value in changes["metadata"].items()}
            changes = {**changes, "metadata": {**self.metadata, **added}}
        return replace(self, **changes)

    def to_wire(self) -> QueryOptions:
        """The part that the gateway is told, but for the timeout, which every attempt computes.

        Results are asked for by column: that takes a tenth of the time at both ends.
        """
        return QueryOptions(
            max_rows=self.max_rows or 0,
            max_bytes=self.max_bytes or 0,
            read_only=self.read_only,
            tag=self.tag,
            encoding=RESULT_ENCODING_COLUMNS,
            **self.routed(),
        )

    def routed(self) -> dict[str, Any]:
        """Where a call goes that reads, as fields of its request; none where that is the primary."""
        if self.route == "primary":
            return {}
        fields: dict[str, Any] = {"route": _ROUTES[self.route]}
        if self.max_staleness is not None:
            fields["max_staleness"] = Duration()
            fields["max_staleness"].FromNanoseconds(max(1, round(self.max_staleness * 1e9)))
        return fields


def tell_timeout(options: QueryOptions | BeginTransaction, timeout: float) -> None:
    """Let the gateway end the statement, or the transaction, a little before the client's deadline.

    Otherwise the client would give up at that very moment, and never hear what became of it.

    Args:
        options: gets the `timeout`.
        timeout: the client's seconds left.
    """
    seconds = timeout - min(_HEAD_START, timeout * _HEAD_START_SHARE)
    options.timeout.FromNanoseconds(max(1, round(seconds * 1e9)))

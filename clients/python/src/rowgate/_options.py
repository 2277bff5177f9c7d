"""What goes with a call beside its statement: time, retries, limits and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Final, TypeAlias, TypedDict

from rowgate._retry import DEFAULT_RETRY, Retry
from rowgate.v1.query_service_pb2 import QueryOptions
from rowgate.v1.result_pb2 import RESULT_ENCODING_COLUMNS
from rowgate.v1.transact_pb2 import BeginTransaction

Metadata: TypeAlias = "Mapping[str, str | bytes]"

DEFAULT_TIMEOUT: Final = 30.0
"""Seconds."""

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
    """

    timeout: float | None
    retry: Retry | None
    metadata: Metadata
    max_rows: int | None
    max_bytes: int | None
    read_only: bool
    tag: str


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

    def __post_init__(self) -> None:
        # 0 means "no limit" on the wire: whoever asks for no rows must not get all of them.
        for name in ("timeout", "max_rows", "max_bytes"):
            value = getattr(self, name)
            if value is not None and not 0 < value < inf:
                raise ValueError(f"{name} must be more than 0 and finite; None is for no limit")

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
        )


def tell_timeout(options: QueryOptions | BeginTransaction, timeout: float) -> None:
    """Let the gateway end the statement, or the transaction, a little before the client's deadline.

    Otherwise the client would give up at that very moment, and never hear what became of it.

    Args:
        options: gets the `timeout`.
        timeout: the client's seconds left.
    """
    seconds = timeout - min(_HEAD_START, timeout * _HEAD_START_SHARE)
    options.timeout.FromNanoseconds(max(1, round(seconds * 1e9)))

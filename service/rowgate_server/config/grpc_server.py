"""The settings of the gRPC server: messages, connections, the drain, processes."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from rowgate_server.config.fields import (
    LARGEST_MESSAGE,
    MEBIBYTE,
    SECRET,
    VISIBLE,
    Duration,
    DurationOrOff,
    Section,
    Size,
    long_enough,
)


class Server(Section):
    """The gRPC server."""

    max_message_bytes: Annotated[
        Size,
        VISIBLE,
        Field(ge=4096, le=LARGEST_MESSAGE, description="Bytes of the largest message that is sent."),
    ] = 64 * MEBIBYTE
    max_request_bytes: Annotated[
        Size,
        VISIBLE,
        Field(
            ge=4096,
            le=LARGEST_MESSAGE // 4,
            description="Bytes of the largest message that is received, unpacked. Large ones that are under way may "
            "have four times as many together, and twice as many from one caller (without authentication: on one "
            "connection).",
        ),
    ] = 20 * MEBIBYTE
    max_unread_bytes: Annotated[
        Size,
        VISIBLE,
        Field(
            ge=4096,
            le=64 * LARGEST_MESSAGE,
            description="Bytes of large unary answers that callers may leave unread, half of them for one caller "
            "(without authentication: on one connection). Further ones wait, 10 s and up to four times as many bytes; "
            "a caller for whom half of that waits has no statement of a unary call run (`QUOTA_EXCEEDED`). While some "
            "wait, connections that nobody reads from are closed.",
        ),
    ] = 64 * MEBIBYTE
    max_concurrent_streams: Annotated[
        int, VISIBLE, Field(ge=1, le=100_000, description="Calls that one client connection may have under way.")
    ] = 100
    keepalive_time: Annotated[
        Duration, VISIBLE, Field(ge=1, description="Silence after which a client connection is pinged.")
    ] = 30.0
    keepalive_timeout: Annotated[
        Duration, VISIBLE, Field(description="The longest a ping may go unanswered; then the connection is closed.")
    ] = 10.0
    max_connection_age: Annotated[
        DurationOrOff,
        VISIBLE,
        Field(
            description="Age at which a client connection is asked to be opened anew, so that clients spread over new "
            "replicas; 0 is never."
        ),
    ] = 1800.0
    max_connection_age_grace: Annotated[
        Duration,
        VISIBLE,
        Field(
            description="How long calls on such a connection may go on before they are cut. "
            "At least every database's `timeouts.stream`."
        ),
    ] = 3600.0
    reflection: Annotated[
        bool, VISIBLE, Field(description="Whether gRPC server reflection is on, which grpcurl needs.")
    ] = True
    request_timeout: Annotated[
        Duration, VISIBLE, Field(description="The deadline of a unary call whose caller sets none.")
    ] = 60.0
    drain_grace: Annotated[
        DurationOrOff,
        VISIBLE,
        Field(
            description="How long calls under way may go on once SIGTERM has come; then they are cut short, in the "
            "databases too. The process ends within 2 seconds after."
        ),
    ] = 10.0
    drain_pause: Annotated[
        DurationOrOff,
        VISIBLE,
        Field(
            description="How long new calls are served once SIGTERM has come and readiness is NOT_SERVING, until load "
            "balancers have heard of it. A part of `drain_grace`, at most half of it; none after SIGINT."
        ),
    ] = 2.0
    workers: Annotated[
        int,
        VISIBLE,
        Field(
            ge=1,
            le=256,
            description="Processes that serve the port together, each on a core of its own and with pools of its own: "
            "a database gets up to this times `pool.size` and `pool.max_overflow` connections. Not with a Unix socket.",
        ),
    ] = 1
    replicas: Annotated[
        int,
        VISIBLE,
        Field(
            ge=1,
            le=10_000,
            description="How many gateways like this one there may be at once, each with `workers`. Nothing but a "
            "warning hangs on it: where their pools together are larger than what a database allows.",
        ),
    ] = 1
    reuse_port: Annotated[
        bool,
        VISIBLE,
        Field(
            description="Whether other processes may listen on the same port at the same time, and share its "
            "connections: for a restart without a gap. Otherwise a second one is refused."
        ),
    ] = False
    page_token_secret: Annotated[
        SecretStr,
        AfterValidator(long_enough),
        SECRET,
        Field(
            description="What the page tokens of ListRows are signed with: at least 16 characters, the same for all "
            "replicas. Empty: made up at each start, so that no other replica understands a token, nor this one "
            "after a restart."
        ),
    ] = SecretStr("")

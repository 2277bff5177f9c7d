"""The one gRPC channel of a client: made when it is first used, and every error of it translated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, TypeAlias, TypeVar, cast
from weakref import WeakSet

import grpc
import grpc.aio

from rowgate._credentials import Credentials
from rowgate._errors import ClientClosed, ProtocolError
from rowgate._options import Metadata
from rowgate._status import error_from_rpc
from rowgate.v1 import admin_service_pb2_grpc as admin_grpc
from rowgate.v1 import query_service_pb2_grpc as query_grpc
from rowgate.v1 import schema_service_pb2_grpc as schema_grpc
from rowgate.v1 import table_service_pb2_grpc as table_grpc
from rowgate.v1.query_service_pb2 import StreamQueryRequest, StreamQueryResponse, TransactRequest, TransactResponse

StreamCall: TypeAlias = "grpc.aio.UnaryStreamCall[StreamQueryRequest, StreamQueryResponse]"
TransactCall: TypeAlias = "grpc.aio.StreamStreamCall[TransactRequest, TransactResponse]"

_Response = TypeVar("_Response")
_Call = TypeVar("_Call", bound="grpc.aio.Call")

_NO_CREDENTIALS: Final = Credentials()
_CHANNEL_OPTIONS: Final[tuple[tuple[str, Any], ...]] = (
    # A `dns:///` name with many addresses is spread over all of them, one call after the other.
    ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
    # A link that goes dark under a call is found after 40 s, however long the call has been silent. Without the last
    # two, gRPC waits for 60 s more, and stops after two pings. The gateway permits a ping every 10 s.
    # gRPC would share a connection between all channels to one address, its back-off after a failure too: a new
    # client's first call could fail for what another one met.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    # A gateway that comes back is found soon: by itself gRPC waits for up to 120 s.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How the connection is encrypted and who is trusted; every field is PEM text.

    Attributes:
        ca: the authorities that may sign the gateway's certificate; None for those that come with gRPC.
        certificate: the client's own certificate chain, for a gateway that asks for one.
        key: the private key that belongs to it.
        server_name: the name to look for in the gateway's certificate, where it is not the address's.

    Raises:
        ValueError: of certificate and key there is only one.
    """

    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("a client certificate needs its key, and the key its certificate")

    @classmethod
    def from_files(
        cls,
        *,
        ca: str | PathLike[str] | None = None,
        certificate: str | PathLike[str] | None = None,
        key: str | PathLike[str] | None = None,
        server_name: str | None = None,
    ) -> Self:
        """The same from PEM files, read now.

        Raises:
            OSError: a file can't be read.
            ValueError: of certificate and key there is only one.
        """
        ca_pem, certificate_pem, key_pem = (path and Path(path).read_bytes() for path in (ca, certificate, key))
        return cls(ca=ca_pem or None, certificate=certificate_pem or None, key=key_pem or None, server_name=server_name)

    def credentials(self) -> grpc.ChannelCredentials:
        """What gRPC takes."""
        return grpc.ssl_channel_credentials(
            root_certificates=self.ca, private_key=self.key, certificate_chain=self.certificate
        )


class Stubs(NamedTuple):
    """The generated stubs on one channel; that they are asynchronous ones is known to their types only."""

    query: query_grpc.QueryServiceAsyncStub
    schema: schema_grpc.SchemaServiceAsyncStub
    table: table_grpc.TableServiceAsyncStub
    admin: admin_grpc.AdminServiceAsyncStub


class Connection:
    """A channel to a gateway, shared by a client and its views.

    Args:
        target: the address, as gRPC takes it.
        tls: None for plaintext.
        max_message_bytes: the largest answer that is taken.
        credentials: what proves who calls.
    """

    def __init__(
        self,
        target: str,
        tls: Tls | grpc.ChannelCredentials | None,
        max_message_bytes: int,
        credentials: Credentials = _NO_CREDENTIALS,
    ) -> None:
        self._target = target
        self._credentials = credentials
        self._tls = tls
        self._options = [*_CHANNEL_OPTIONS, ("grpc.max_receive_message_length", max_message_bytes)]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channel: grpc.aio.Channel | None = None
        self._stubs: Stubs | None = None
        self._calls: WeakSet[grpc.aio.Call] = WeakSet()
        self.closed = False
        self.primary_keys: dict[tuple[str, str, str], tuple[str, ...]] = {}
        """The columns of primary keys that were looked up, by database, schema and table."""

    def stubs(self) -> Stubs:
        """The stubs, on a channel that is made now if there is none yet.

        Raises:
            ClientClosed: it was closed.
            RuntimeError: it is used in another event loop than before.
        """
        if self.closed:
            raise ClientClosed("the client is closed")
        loop = asyncio.get_running_loop()
        if self._stubs is None:
            self._loop, self._channel = loop, self._open()
            self._stubs = Stubs(
                cast("query_grpc.QueryServiceAsyncStub", query_grpc.QueryServiceStub(self._channel)),
                cast("schema_grpc.SchemaServiceAsyncStub", schema_grpc.SchemaServiceStub(self._channel)),
                cast("table_grpc.TableServiceAsyncStub", table_grpc.TableServiceStub(self._channel)),
                cast("admin_grpc.AdminServiceAsyncStub", admin_grpc.AdminServiceStub(self._channel)),
            )
        elif self._loop is not loop:
            raise RuntimeError("a rowgate client belongs to the event loop that it was first used in")
        return self._stubs

    def _open(self) -> grpc.aio.Channel:
        if self._tls is None:
            return grpc.aio.insecure_channel(self._target, self._options)
        if not isinstance(self._tls, Tls):
            return grpc.aio.secure_channel(self._target, self._tls, self._options)
        name = self._tls.server_name
        options = [*self._options, ("grpc.ssl_target_name_override", name)] if name else self._options
        return grpc.aio.secure_channel(self._target, self._tls.credentials(), options)

    def begin(
        self, rpc: Callable[[Stubs], Callable[..., _Call]], request: Any, *, timeout: float | None, metadata: Metadata
    ) -> _Call:
        """Start a call, that `close` will end.

        Raises:
            ClientClosed: it was closed.
            ValueError: credentials would be sent unencrypted.
        """
        call = rpc(self.stubs())(request, timeout=timeout, metadata=self._sent(metadata))
        self._calls.add(call)
        return call

    def begin_transact(self, *, timeout: float | None, metadata: Metadata) -> TransactCall:
        """Start a Transact call, that `close` will end; its requests come later.

        Raises:
            ClientClosed: it was closed.
            ValueError: credentials would be sent unencrypted.
        """
        call = self.stubs().query.Transact(timeout=timeout, metadata=self._sent(metadata))
        self._calls.add(call)
        return call

    def _sent(self, metadata: Metadata) -> tuple[tuple[str, str | bytes], ...]:
        """A call's metadata, with what proves who calls."""
        encrypted = self._tls is not None or self._target.startswith("unix:")
        return self._credentials.metadata(metadata, encrypted=encrypted)

    async def close(self) -> None:
        """End the calls that are under way, with ClientClosed, and the channel; twice is fine."""
        self.closed = True
        channel, self._channel, self._stubs = self._channel, None, None
        for call in list(self._calls):  # older versions of gRPC forget about streams
            call.cancel()
        if channel is not None:
            await channel.close()

    async def answer(self, call: grpc.aio.UnaryUnaryCall[Any, _Response]) -> _Response:
        """The answer of a unary call.

        Raises:
            RowgateError: there is none.
        """
        with self.translated():
            return _parsed(await call)

    async def next_message(
        self,
        call: grpc.aio.UnaryStreamCall[Any, _Response] | grpc.aio.StreamStreamCall[Any, _Response],
    ) -> _Response | None:
        """The next message of a stream, or None at its end. Whatever else happens ends the call.

        Raises:
            RowgateError: there is none.
        """
        try:
            with self.translated():
                message = await call.read()
                return None if message is grpc.aio.EOF else _parsed(cast("_Response", message))
        except BaseException:
            call.cancel()
            raise

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what gRPC raises into what this client raises."""
        try:
            yield
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error) from error
        except asyncio.CancelledError:
            # gRPC raises this, too, in a task that nobody cancelled, when the channel is closed under its call.
            task = asyncio.current_task()
            if self.closed and (task is None or not task.cancelling()):
                raise ClientClosed("the client was closed during the call") from None
            raise


def _parsed(message: _Response | None) -> _Response:
    """What gRPC could parse: where it can't, it logs that and answers None."""
    if message is None:
        raise ProtocolError("the answer is no message of this protocol")
    return message

"""A gateway with a policy, in this process, whose callers say in a header who they are.

How callers prove who they are is another matter: here every principal is believed.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
from google.protobuf import json_format

from rowgate._status import error_from_rpc
from rowgate.v1 import admin_service_pb2, query_service_pb2, schema_service_pb2, table_service_pb2
from rowgate_server import app, config
from rowgate_server.identity.principal import Method, Principal, current_principal
from rowgate_server.transport.interceptors.call import RpcCall
from support.streams import answers

_HEADER = "x-principal"
_FILES = {
    "Admin": admin_service_pb2,
    "Query": query_service_pb2,
    "Schema": schema_service_pb2,
    "Table": table_service_pb2,
}


class Caller:
    """Calls RPCs with requests as JSON has them. What is refused is raised as the client's exceptions."""

    def __init__(self, channel: grpc.aio.Channel, name: str, roles: tuple[str, ...], claims: Mapping[str, Any]) -> None:
        self._channel = channel
        told = json.dumps([name, list(roles), dict(claims)])
        self._metadata: tuple[tuple[str, str], ...] = ((_HEADER, told),)

    async def __call__(self, method: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """`TableService/ListRows`; the last answer of a stream."""
        service, _, rpc = method.partition("/")
        described = _FILES[service.removesuffix("Service")].DESCRIPTOR.services_by_name[service].methods_by_name[rpc]
        takes, gives = (json_format_class(each) for each in (described.input_type, described.output_type))
        path = f"/rowgate.v1.{method}"
        message = json_format.ParseDict(dict(request), takes())
        try:
            if described.client_streaming:
                return await self._exchange(path, takes, gives, [request])
            if described.server_streaming:
                call = self._channel.unary_stream(path, takes.SerializeToString, gives.FromString)
                return _plain([answer async for answer in call(message, metadata=self._metadata)][-1])
            unary = self._channel.unary_unary(path, takes.SerializeToString, gives.FromString)
            return _plain(await unary(message, metadata=self._metadata))
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error) from None

    async def transact(self, *requests: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The answers of a stream with these requests."""
        service = query_service_pb2.DESCRIPTOR.services_by_name["QueryService"].methods_by_name["Transact"]
        takes, gives = (json_format_class(each) for each in (service.input_type, service.output_type))
        call = self._channel.stream_stream(
            "/rowgate.v1.QueryService/Transact", takes.SerializeToString, gives.FromString
        )
        sent = (json_format.ParseDict(dict(request), takes()) for request in requests)
        try:
            return [_plain(answer) for answer in await answers(call(iter(list(sent)), metadata=self._metadata))]
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error) from None

    async def _exchange(self, path: str, takes: Any, gives: Any, requests: list[Mapping[str, Any]]) -> dict[str, Any]:
        call = self._channel.stream_stream(path, takes.SerializeToString, gives.FromString)
        sent = [json_format.ParseDict(dict(request), takes()) for request in requests]
        return _plain((await answers(call(iter(sent), metadata=self._metadata)))[-1])


class Policed:
    """A running gateway."""

    def __init__(self, gateway: app.Gateway, channel: grpc.aio.Channel, file: Path) -> None:
        self.gateway = gateway
        self.file = file
        self.channel = channel

    def caller(self, name: str, *roles: str, **claims: Any) -> Caller:
        """Somebody with these roles and claims."""
        return Caller(self.channel, name, roles, claims)


@asynccontextmanager
async def policed(environment: Mapping[str, str], policy: str, folder: Path) -> AsyncIterator[Policed]:
    """A gateway on a free port, with a policy in a file."""
    file = folder / "policy.yaml"
    file.write_text(policy, encoding="utf-8")
    told = {"ROWGATE_POLICY__PATH": str(file), "ROWGATE_LISTEN": "127.0.0.1:0", "ROWGATE_ADMIN_LISTEN": "off"}
    gateway = app.Gateway(config.load({}, {**environment, **told}))
    authorization: Any = gateway._policing.authorization
    entering = authorization.enter

    def enter(call: RpcCall) -> None:
        call.principal = _principal(call)
        current_principal.set(call.principal)
        entering(call)

    authorization.enter = enter
    addresses = await gateway.start()
    try:
        async with grpc.aio.insecure_channel(addresses.grpc) as channel:
            yield Policed(gateway, channel, file)
    finally:
        await gateway.stop(pause=False)


def _principal(call: RpcCall) -> Principal:
    for key, text in call.context.invocation_metadata() or ():
        if key == _HEADER:
            name, roles, claims = json.loads(text)
            return Principal(name, Method.API_KEY, tuple(roles), claims)
    return Principal("", Method.NONE)


def json_format_class(descriptor: Any) -> Any:
    """The class of a message."""
    return descriptor._concrete_class


def _plain(message: Any) -> dict[str, Any]:
    plain: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return plain


def value(thing: Any) -> dict[str, Any]:
    """A value as JSON has it."""
    if thing is None:
        return {"null_value": "NULL_VALUE"}
    return {"int_value": str(thing)} if isinstance(thing, int) else {"string_value": thing}


def values(**things: Any) -> dict[str, Any]:
    """Several, by name."""
    return {name: value(thing) for name, thing in things.items()}


def rows(answer: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of an answer."""
    return [tuple(_cell(cell) for cell in row.get("values", ())) for row in answer.get("result", {}).get("rows", ())]


def columns(answer: Mapping[str, Any]) -> list[str]:
    """The columns of an answer."""
    return [column["name"] for column in answer.get("result", {}).get("columns", ())]


def compare(column: str, op: str, *operands: Any) -> dict[str, Any]:
    """A comparison."""
    comparison: dict[str, Any] = {"column": column, "op": f"COMPARISON_OPERATOR_{op}"}
    if op in ("IN", "NOT_IN"):
        comparison["values"] = [value(operand) for operand in operands]
    elif operands:
        comparison["value"] = value(operands[0])
    return {"compare": comparison}


def _cell(cell: Mapping[str, Any]) -> Any:
    ((kind, content),) = cell.items()
    return None if kind == "null_value" else int(content) if kind in ("int_value", "uint_value") else content

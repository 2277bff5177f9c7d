"""`admin.enabled: false`: no call of AdminService gets through, until another configuration says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import message_factory
from unit.transport.test_authentication import KEY, guarded, told

from rowgate.v1 import admin_service_pb2, admin_service_pb2_grpc

AUTH = [("authorization", f"Bearer {KEY}")]
_METHODS = admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"].methods


async def _reason(channel: grpc.aio.Channel, method: Any) -> str:
    request = message_factory.GetMessageClass(method.input_type)()
    stub: Any = admin_service_pb2_grpc.AdminServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await getattr(stub, method.name)(request, metadata=AUTH)
    return str(told(caught.value)[2])


async def test_no_call_gets_through_while_it_is_switched_off(tmp_path: Path) -> None:
    async with guarded(tmp_path, admin__enabled="false", admin__all_queries="true") as (gateway, channel):
        assert {await _reason(channel, method) for method in _METHODS} == {"PERMISSION_DENIED"}
        settings = gateway._settings.model_copy(
            update={"admin": gateway._settings.admin.model_copy(update={"enabled": True})}
        )
        gateway.take(await gateway.prepare(settings))
        stub: Any = admin_service_pb2_grpc.AdminServiceStub(channel)
        assert not (await stub.ListQueries(admin_service_pb2.ListQueriesRequest(), metadata=AUTH)).queries

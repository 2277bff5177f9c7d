"""pyarrow is an extra of the server's: without it there is no Arrow, and with it nobody pays who does not ask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import rowgate
from rowgate._status import error_from_rpc
from rowgate.v1 import query_service_pb2_grpc
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest, QueryOptions
from rowgate.v1.result_pb2 import RESULT_ENCODING_ARROW, ResultEncoding, ResultSet
from support.encodings import READERS
from support.process import Gateway


@pytest.fixture
def database(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "test.db"
    file.touch()
    return {"ROWGATE_DATABASES__MAIN__URL": f"sqlite:///{file}"}


@pytest.fixture
def without_pyarrow(database: dict[str, str], tmp_path: Path) -> Iterator[Gateway]:
    stub = tmp_path / "modules" / "pyarrow"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text("raise ModuleNotFoundError('No module named pyarrow')\n", encoding="ascii")
    paths = [str(stub.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    with Gateway.start(environment={**database, "PYTHONPATH": os.pathsep.join(paths)}) as gateway:
        yield gateway


def ask(gateway: Gateway, sql: str, encoding: ResultEncoding.ValueType) -> ResultSet:
    with grpc.insecure_channel(gateway.address) as channel:
        stub = query_service_pb2_grpc.QueryServiceStub(channel)
        request = ExecuteQueryRequest(sql=sql, options=QueryOptions(encoding=encoding))
        return stub.ExecuteQuery(request, timeout=10).result


async def test_without_pyarrow_arrow_is_refused_and_nothing_runs(without_pyarrow: Gateway) -> None:
    async with rowgate.connect(without_pyarrow.address) as db:
        await db.query("create table t (i integer)")
        with pytest.raises(grpc.RpcError) as caught:
            ask(without_pyarrow, "insert into t values (1)", RESULT_ENCODING_ARROW)
        error = error_from_rpc(caught.value)  # type: ignore[arg-type]  # the synchronous one looks alike
        assert (error.code, error.reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_SUPPORTED")
        assert error.metadata["hint"] == "pip install './service[arrow]' in the gateway's checkout"
        assert error.outcome is rowgate.Outcome.NOT_RUN
        assert (await db.query("select count(*) as n from t")).scalar() == 0


def test_pyarrow_is_loaded_by_the_first_call_that_asks_for_arrow(database: dict[str, str]) -> None:
    with Gateway.start(environment=database) as gateway:
        loaded = {}
        for encoding, read in READERS.items():
            assert read([ask(gateway, "select 1 as a", encoding)]) == [(("int", 1),)]
            maps = Path(f"/proc/{gateway.child.pid}/maps").read_text(encoding="utf-8")
            loaded[encoding] = "libarrow" in maps
    assert [encoding for encoding, there in loaded.items() if there] == [RESULT_ENCODING_ARROW]

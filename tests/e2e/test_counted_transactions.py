"""Transactions are counted as what they came to, however their streams ended: no cancel is counted as OK."""

from __future__ import annotations

from pathlib import Path

import grpc.aio

from support.eventually import eventually
from support.process import Gateway
from support.scraped import total
from support.transactions import Transact

ROUNDS = 25


async def committed(tx: Transact) -> None:
    await tx.begin("")
    await tx.commit()
    await tx.half_close()


async def rolled_back(tx: Transact) -> None:
    await tx.begin("")
    await tx.rollback()
    await tx.half_close()


async def left(tx: Transact) -> None:
    await tx.begin("")
    await tx.half_close()


async def cancelled(tx: Transact) -> None:
    await tx.begin("")
    tx.call.cancel()


async def cancelled_behind_the_commit(tx: Transact) -> None:
    await tx.begin("")
    await tx.commit()
    tx.call.cancel()


async def test_each_stream_is_counted_once_and_as_what_it_came_to(tmp_path: Path) -> None:
    environment = {"ROWGATE_DATABASES__MAIN__URL": f"sqlite:///{tmp_path / 'main.db'}"}
    (tmp_path / "main.db").touch()
    ways = [committed, rolled_back, left, cancelled, cancelled_behind_the_commit]
    with Gateway.start(environment=environment) as gateway:
        async with grpc.aio.insecure_channel(gateway.address) as channel:
            for way in ways * ROUNDS:
                async with Transact(channel) as tx:
                    await way(tx)

        def counted(metric: str, **labels: str) -> float:
            return total(gateway, metric, **labels)

        def handled() -> bool:
            return counted("grpc_server_handled_total", grpc_method="Transact") == len(ways) * ROUNDS

        await eventually(handled, 5, "all were counted")
        assert counted("grpc_server_started_total", grpc_method="Transact") == len(ways) * ROUNDS
        for code, number in (("OK", 3), ("Canceled", 2)):
            assert counted("grpc_server_handled_total", grpc_method="Transact", grpc_code=code) == number * ROUNDS, code
        ends = {"committed": 2, "rolled_back": 1, "abandoned": 2, "expired": 0, "unknown": 0}
        for end, number in ends.items():
            assert counted("rowgate_transactions_ended_total", end=end) == number * ROUNDS, end

"""A gateway whose log nobody reads, from its first line on: it serves, and it ends."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from rowgate.v1 import query_service_pb2, query_service_pb2_grpc
from support import guard
from support.available import ROOT

PIPE_BYTES = 4096

STUCK = """
import time
from rowgate_server import ending
from rowgate_server.observability import logging
from rowgate_server.workers.told import Told

async def work():
    told = Told()
    print("ready", flush=True)
    time.sleep(60)

logging.configure("info", "json")
ending.run(work(), 0.3)
"""


def test_a_process_that_is_stuck_ends_after_its_grace_all_the_same() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK],
        env=dict([*os.environ.items(), guard.test_run().mark]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert time.monotonic() - began > 0.3
        assert process.stderr is not None
        assert b"something is stuck" in process.stderr.read()


@contextmanager
def _full_pipe() -> Iterator[int]:
    """One end of it, in which nothing has room."""
    read, write = os.pipe()
    try:
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        os.write(write, b"x" * PIPE_BYTES)
        yield write
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_gateway_whose_log_nobody_reads_serves_and_ends(workers: str, tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    settings = {
        "ROWGATE_LISTEN": "127.0.0.1:0",
        "ROWGATE_ADMIN_LISTEN": "127.0.0.1:0",
        "ROWGATE_DATABASES__MAIN__URL": f"sqlite:///{tmp_path}/a.db",
        "ROWGATE_SERVER__WORKERS": workers,
        "ROWGATE_SERVER__DRAIN_PAUSE": "0",
        "ROWGATE_AUDIT__PATH": "stderr",
    }
    with _full_pipe() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rowgate_server", "serve"],
            cwd=ROOT,
            env=dict([*os.environ.items(), *settings.items(), guard.test_run().mark]),
            stdout=subprocess.PIPE,
            stderr=log,
        )
        with process:
            try:
                assert process.stdout is not None
                ready = re.search(r"ready on (\S+) \(admin (\S+)\)", process.stdout.readline().decode())
                assert ready is not None
                with grpc.insecure_channel(ready[1]) as channel:
                    stub = query_service_pb2_grpc.QueryServiceStub(channel)
                    for _ in range(20):
                        stub.ExecuteQuery(query_service_pb2.ExecuteQueryRequest(sql="select 1"), timeout=10)
                with urllib.request.urlopen(f"http://{ready[2]}/readyz", timeout=10) as answer:
                    assert answer.status == 200
                process.send_signal(signal.SIGTERM)
                assert process.wait(12) == 0  # the grace is 10 s
            finally:
                process.kill()


def test_a_gateway_whose_streams_are_closed_serves_and_ends(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'socket'}"
    settings = {
        "ROWGATE_LISTEN": address,
        "ROWGATE_ADMIN_LISTEN": "off",
        "ROWGATE_DATABASES__MAIN__URL": f"sqlite:///{tmp_path}/a.db",
        "ROWGATE_SERVER__DRAIN_PAUSE": "0",
    }
    (tmp_path / "a.db").touch()
    process = subprocess.Popen(
        ["/bin/sh", "-c", 'exec "$0" -m rowgate_server serve <&- >&- 2>&-', sys.executable],
        env=dict([*os.environ.items(), *settings.items(), guard.test_run().mark]),
        cwd=ROOT,
    )
    with process, grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(30)
            stub = query_service_pb2_grpc.QueryServiceStub(channel)
            request = query_service_pb2.ExecuteQueryRequest(sql="select 1 as one")
            assert stub.ExecuteQuery(request, timeout=10, wait_for_ready=True).HasField("result")
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()

"""A standard output that cannot be written ends no server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from support import guard
from support.available import ROOT


def test_a_gateway_whose_output_cannot_be_written_serves(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    settings = {
        "ROWGATE_LISTEN": "127.0.0.1:0",
        "ROWGATE_ADMIN_LISTEN": "off",
        "ROWGATE_DATABASES__MAIN__URL": f"sqlite:///{tmp_path}/a.db",
        "ROWGATE_SERVER__DRAIN_PAUSE": "0",
    }
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "rowgate_server", "serve"],
            cwd=ROOT,
            env=dict([*os.environ.items(), *settings.items(), guard.test_run().mark]),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    with process:
        try:
            assert process.stderr is not None
            told = next(line for line in process.stderr if "standard output cannot be written" in line)
            assert "rowgate-server is ready on 127.0.0.1:" in told
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()

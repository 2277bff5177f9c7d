"""Finds the programs that the tests need, and says what is missing: a skip at home, a failure in CI."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]

missing: dict[str, str] = {}
"""What this run had to do without, and how to get it: for the end of the report."""


def unavailable(what: str, remedy: str) -> NoReturn:
    """Ends the test that needs `what`: a skip in a local run, a failure under CI=true."""
    missing[what] = remedy
    reason = f"{what} is missing: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@cache
def _found(script: str, name: str) -> Path | None:
    answer = subprocess.run([ROOT / "scripts" / script, "find", name], capture_output=True, text=True, check=False)
    return Path(answer.stdout.strip()) if answer.returncode == 0 and answer.stdout.strip() else None


def engine_program(name: str) -> Path:
    """The path of a database engine's program, as `scripts/engines` finds it."""
    return _found("engines", name) or unavailable(name, "run `make engines`, as root or with the packages installed")


def tool(name: str) -> Path:
    """The path of a tool that `scripts/tools` builds."""
    return _found("tools", name) or unavailable(name, "run `make tools`, which needs a Go toolchain")


@cache
def cache_folder() -> Path:
    """The folder for what is slow to make and may be lost."""
    answer = subprocess.run([ROOT / "scripts" / "cache"], capture_output=True, text=True, check=True)
    return Path(answer.stdout.strip())

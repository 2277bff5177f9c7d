"""The command-line tools that tests drive."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from support.available import tool, unavailable


def grpcurl() -> Path:
    """Grpcurl, from the cache that `make tools` fills."""
    return tool("grpcurl")


def buf() -> Path:
    """Buf, from the environment that runs the tests."""
    found = shutil.which("buf", path=str(Path(sys.executable).parent))
    return Path(found) if found else unavailable("buf", "run `make dev`")


def helm() -> Path:
    """Helm, from the cache that `make tools` fills."""
    return tool("helm")


def kustomize() -> Path:
    """Kustomize, from the cache that `make tools` fills."""
    return tool("kustomize")


def promtool() -> Path:
    """Prometheus's own checker of rules, from the cache that `make tools` fills."""
    return tool("promtool")


def prometheus() -> Path:
    """Prometheus, from the cache that `make tools` fills."""
    return tool("prometheus")


def hadolint() -> Path:
    """Hadolint, from the environment that runs the tests."""
    found = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    return Path(found) if found else unavailable("hadolint", "run `make dev`")

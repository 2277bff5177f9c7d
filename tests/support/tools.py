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

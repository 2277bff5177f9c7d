"""`python -m rowgate_server.demo FILE` makes the demo database."""

from __future__ import annotations

import sys
from pathlib import Path

from rowgate_server.demo import create

if __name__ == "__main__":
    create(Path(sys.argv[1]))

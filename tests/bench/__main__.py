"""`python -m bench`, in the environment that `make bench` makes."""

from __future__ import annotations

import sys

from bench.cli import main

if __name__ == "__main__":
    sys.exit(main())

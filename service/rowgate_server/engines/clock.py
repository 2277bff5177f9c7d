"""The clock that deadlines are told by: that of asyncio's event loops, without asking for the loop.

To find the running loop, Python 3.11 asks the kernel for the process each time: ten times what the time itself costs.
"""

from __future__ import annotations

import time

now = time.monotonic
"""Seconds, as `loop.time()` has them. Called as `clock.now()`, so that tests can let hours pass."""

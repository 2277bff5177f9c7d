"""SIGTERM and SIGINT while there is no event loop to take them: before it, and behind it.

Their default is to end the process at once, with a code that looks like a crash, and with a worker or a folder left
behind.
"""

from __future__ import annotations

import signal

STOPPING = (signal.SIGTERM, signal.SIGINT)


def hold_back() -> None:
    """From now on they wait; a process that is started meanwhile has them wait as well."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)


def let_through() -> None:
    """Now there is somebody to take them, and those that have waited."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def waiting() -> bool:
    """Whether one waits."""
    return not signal.sigpending().isdisjoint(STOPPING)


def ignore() -> None:
    """The process ends anyway: SIGHUP means nothing to it any more, either."""
    for number in (*STOPPING, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)

"""File descriptors: every connection takes one, and an error that comes of having none says nothing of a database."""

from __future__ import annotations

import contextlib
import errno
import os
import resource

OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
"""The process has as many as it may, or the machine."""


def raise_limit() -> None:
    """Have as many as this process may give itself: the usual 1024 are there for programs that call `select`."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # there are systems that name more than they give
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def limit() -> int:
    """How many this process may have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def none_left(error: BaseException) -> bool:
    """Whether the error came of having none: it says so, or there is none now. SQLite says only that it can't open."""
    return (isinstance(error, OSError) and error.errno in OUT_OF_DESCRIPTORS) or not _one_left()


def _one_left() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno not in OUT_OF_DESCRIPTORS
    return True

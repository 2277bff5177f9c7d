"""MySQL's own GTID sets, as `@@gtid_executed` has them: by source, ranges of numbers, which may have gaps."""

from __future__ import annotations

import re

from rowgate_server.engines.roles import Ranges

_SOURCE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RANGE = re.compile(r"(\d{1,19})(?:-(\d{1,19}))?")
_TAG = re.compile(r"[a-z_][a-z0-9_]{0,31}")
"""Since MySQL 8.3 a source may number several rows of transactions, each by a name."""


def gtid_set(text: str) -> dict[str, Ranges] | None:
    """What `uuid:1-5:11,uuid:1-3:tag:7` says, by `uuid` or `uuid:tag`; None where it says nothing, or is no such set.

    Ranges come in order and apart from each other, however they were written.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for part in filter(None, "".join(text.lower().split()).split(",")):
        source, *rest = part.split(":")
        if not _SOURCE.fullmatch(source) or not rest:
            return None
        key = source
        for each in rest:
            if numbers := _RANGE.fullmatch(each):
                first, last = int(numbers[1]), int(numbers[2] or numbers[1])
                if 1 <= first <= last:  # an empty range is written as well
                    found.setdefault(key, []).append((first, last))
            elif _TAG.fullmatch(each):
                key = f"{source}:{each}"
            else:
                return None
    return {key: _joined(ranges) for key, ranges in found.items()} or None


def _joined(ranges: list[tuple[int, int]]) -> Ranges:
    """Those that overlap, or follow on each other, made into one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return tuple(joined)

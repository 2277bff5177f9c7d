"""What a serving process does for itself once it has started."""

from __future__ import annotations

import gc

from rowgate_server.observability.garbage import spare_collections


def test_what_the_start_made_is_left_out_of_collections() -> None:
    before = gc.get_freeze_count()
    made = [list[int]() for _ in range(10_000)]
    try:
        spare_collections()
        assert gc.get_freeze_count() >= before + len(made)
        assert len(gc.get_objects()) < 10_000
    finally:
        gc.unfreeze()

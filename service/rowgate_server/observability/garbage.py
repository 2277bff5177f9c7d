"""Garbage collections, kept off the event loop where they find nothing."""

from __future__ import annotations

import gc


def spare_collections() -> None:
    """Leave out of garbage collections what was made by the start: modules, descriptors, settings stay anyway.

    A full collection went through some 300,000 objects of theirs, and stopped the event loop for 50 ms; a long result
    caused one every few hundred thousand rows.
    """
    gc.collect()
    gc.freeze()

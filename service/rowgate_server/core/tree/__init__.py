"""The tree of a database: everything that an editor completes from, read in a few queries and kept for a while."""

from __future__ import annotations

from .records import Routine, RoutineKind, SchemaName, Tree, TreeColumn, TreeSchema, TreeTable
from .seen import seen
from .sight import EVERYTHING, Sight
from .store import TreeRules, TreeStore

__all__ = [
    "EVERYTHING",
    "Routine",
    "RoutineKind",
    "SchemaName",
    "Sight",
    "Tree",
    "TreeColumn",
    "TreeRules",
    "TreeSchema",
    "TreeStore",
    "TreeTable",
    "seen",
]

"""Plans of statements: how each engine is asked for one, and what it answers, as a tree and as text."""

from __future__ import annotations

from .asking import Engine, ask, read
from .records import Plan, PlanNode

__all__ = ["Engine", "Plan", "PlanNode", "ask", "read"]

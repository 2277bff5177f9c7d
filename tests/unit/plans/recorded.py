"""Answers of real servers, PostgreSQL 15 and MariaDB 10.11, to statements on two tables: authors and their books."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rowgate_server.core.plans import PlanNode

FOLDER = Path(__file__).parent / "recorded"


def answer(name: str) -> str:
    """One of them, as the server gave it."""
    return (FOLDER / f"{name}.json").read_text(encoding="utf-8")


def drawn(nodes: Iterable[PlanNode], indent: str = "") -> list[str]:
    """A line for each node: operation, target and index, indented below its parent's."""
    lines: list[str] = []
    for node in nodes:
        lines.append(indent + " | ".join(part for part in (node.operation, node.target, node.index) if part))
        lines.extend(drawn(node.children, indent + "  "))
    return lines


def tree(text: str) -> list[str]:
    """What `drawn` gives, as a test writes it."""
    return [line[4:] for line in text.splitlines() if line.strip()]

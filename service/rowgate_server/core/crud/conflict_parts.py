"""What rows that meet others are written with."""

from __future__ import annotations

from typing import NamedTuple

from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.compiler.writes import WriteCompiler
from rowgate_server.core.crud.conflicts import ConflictPlan
from rowgate_server.core.crud.row_checks import RowCheck
from rowgate_server.core.crud.statements import InsertStatements
from rowgate_server.core.crud.writing import Writing


class ConflictParts(NamedTuple):
    """What all batches of one write with on_conflict have in common.

    Attributes:
        reads: makes SELECTs.
        writes: makes UPDATEs.
        statements: inserts.
        writing: runs what they make.
        check: asks whether rows that are there may be changed, and knows the table as its caller does.
        plan: what becomes of rows that are there.
    """

    reads: Compiler
    writes: WriteCompiler
    statements: InsertStatements
    writing: Writing
    check: RowCheck
    plan: ConflictPlan

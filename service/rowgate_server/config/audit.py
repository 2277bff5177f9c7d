"""The settings of the audit log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from rowgate_server.config.fields import MEBIBYTE, VISIBLE, Section, Size, lower_case


class Audit(Section):
    """The audit log: who did what, one JSON object a line."""

    path: Annotated[
        str,
        VISIBLE,
        Field(
            description="Where it goes: the path of a file, `stdout` or `stderr`. With several workers each has "
            "a file of its own, `path.worker1`, `path.worker2`, ... Empty: none is written."
        ),
    ] = ""
    max_bytes: Annotated[
        Size,
        VISIBLE,
        Field(ge=4096, le=1 << 40, description="Size at which the file is put aside and a new one begun."),
    ] = 64 * MEBIBYTE
    keep: Annotated[
        int, VISIBLE, Field(ge=0, le=1000, description="Files put aside that are kept, as `path.1`, `path.2`, ...")
    ] = 10
    sql: Annotated[
        Literal["none", "text"],
        BeforeValidator(lower_case),
        VISIBLE,
        Field(
            description="Of SQL as the caller wrote it, literals included: `text` has it, `none` only its fingerprint. "
            "Values of parameters are in neither."
        ),
    ] = "none"

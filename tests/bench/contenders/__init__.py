"""The contenders, from the least that could do to the whole thing."""

from __future__ import annotations

from importlib import import_module

from bench.contender import Contender

_MODULES = {
    "echo": "echo",
    "asyncmy": "driver_alone",
    "sqlalchemy": "sqlalchemy_alone",
    "fastapi": "fastapi_service",
    "rowgate": "gateway",
    "tables": "gateway_tables",
}
NAMES = tuple(_MODULES)


def find(name: str) -> Contender:
    """The contender of this name; no other one is imported, so that none is measured with the others' libraries."""
    contender: Contender = import_module(f"bench.contenders.{_MODULES[name]}").CONTENDER
    return contender

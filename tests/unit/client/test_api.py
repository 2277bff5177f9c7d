from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.resources import files

import rowgate
from rowgate import _errors

ALLOWED = {"rowgate", "grpc", "google", "typing_extensions", "cython_runtime"}
LOADED_BY_GRPC = {"grpc_health", "grpc_reflection", "grpc_tools"}
"""Where they are installed."""


def test_what_is_exported_is_what_is_public() -> None:
    public = {name for name, value in vars(rowgate).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert set(rowgate.__all__) == public - {"annotations"}
    assert len(rowgate.__all__) == len(set(rowgate.__all__))


def test_every_public_thing_is_documented() -> None:
    bare = [name for name in rowgate.__all__ if not inspect.getdoc(getattr(rowgate, name))]
    assert bare == []


def test_every_error_is_exported() -> None:
    errors = {
        name
        for name, value in vars(_errors).items()
        if isinstance(value, type) and value.__module__ == _errors.__name__
    }
    assert errors <= set(rowgate.__all__)


def test_the_package_is_typed() -> None:
    assert files(rowgate).joinpath("py.typed").is_file()


def test_the_client_loads_nothing_that_it_does_not_need() -> None:
    code = "import sys; before = set(sys.modules); import rowgate; print(*(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    foreign = {name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names) - ALLOWED - LOADED_BY_GRPC
    assert {name for name in foreign if not name.startswith("_")} == set()

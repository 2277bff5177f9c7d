from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import rowgate
from rowgate._options import OptionChanges
from rowgate.v1.error_pb2 import ErrorReason

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/python-client.md").read_text()
README = (ROOT / "clients/python/README.md").read_text()
BLOCKS = [
    block for text in (GUIDE, README) for block in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_is_python_and_uses_names_that_are_there(block: str) -> None:
    compile(block, "example", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "rowgate":
            assert node.attr in rowgate.__all__
        if isinstance(node, ast.ImportFrom) and node.module == "rowgate":
            assert {alias.name for alias in node.names} <= set(rowgate.__all__)


@pytest.mark.parametrize("reason", ErrorReason.keys()[1:])
def test_every_reason_is_in_the_guide(reason: str) -> None:
    word = reason.removeprefix("ERROR_REASON_")
    assert f"`{word.title().replace('_', '')}` | `{word}` |" in GUIDE


@pytest.mark.parametrize("option", OptionChanges.__annotations__)
def test_every_option_is_in_the_guide(option: str) -> None:
    assert f"| `{option}` |" in GUIDE

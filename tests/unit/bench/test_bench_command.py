"""The command line, as far as it goes without starting anything."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench import contenders
from bench.cli import main
from bench.contender import Contender
from bench.work import WORKS
from support.available import ROOT


def test_help_names_every_work_and_contender() -> None:
    """In a process of its own, and without what only `make bench` installs."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name in done.stdout for name in [*contenders.NAMES, *(work.name for work in WORKS)])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--contenders", "rowgate,slowgate"], "no such contender: slowgate; there is echo, asyncmy"),
        (["--only", "pint"], "no such work: pint"),
        (["--baseline", "slowgate"], "no such contender: slowgate"),
        (["--rounds", "0"], "from 1 up"),
    ],
)
def test_a_wrong_word_is_told_before_anything_is_started(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("name", contenders.NAMES)
def test_every_contender_is_found_by_its_name(name: str) -> None:
    contender = contenders.find(name)
    assert isinstance(contender, Contender)
    assert contender.name == name

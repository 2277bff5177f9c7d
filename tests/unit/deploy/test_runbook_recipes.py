"""The recipes of docs/operations.md do what is said of them, word for word."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support import monitoring
from support.available import ROOT
from support.manifests import DEMO
from support.tools import helm

PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    """A folder with the chart and the commands that the recipes name; they are run there."""
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "helm").symlink_to(helm())
    (commands / "rowgate-server").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rowgate_server "$@"\n')
    (commands / "rowgate-server").chmod(0o755)
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    return tmp_path


def run(recipe: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(folder)}
    return subprocess.run(
        ["sh", "-c", recipe], cwd=folder, env=environment, capture_output=True, text=True, timeout=30, check=False
    )


def test_a_policy_and_settings_are_checked_before_anything_is_installed(shell: Path) -> None:
    (recipe,) = re.findall(r"```text\n(helm template .*?)```", PAGE, re.DOTALL)
    values = {
        **DEMO,
        "demo": False,
        "databases": {"main": {"urlSecret": {"name": "databases", "key": "main"}}},
        "settings": {"default_database": "nope"},
        "policy": {"roles": {"reader": {"x": 1}}},
    }
    (shell / "yours.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    done = run(recipe, shell)
    assert done.returncode == 2, done.stderr
    assert "names no database; there are main" in done.stderr
    values["settings"] = {}
    (shell / "yours.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    done = run(recipe, shell)
    assert "roles.reader.x (policy policy.yaml line" in done.stderr


def test_the_alerts_are_printed_beside_kustomize_without_a_warning(shell: Path) -> None:
    (recipe,) = re.findall(r"`(helm template [^`]*prometheusrule.yaml)`", PAGE)
    done = run(recipe, shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert yaml.safe_load(done.stdout)["spec"] == yaml.safe_load(monitoring.RULES.read_text(encoding="utf-8"))

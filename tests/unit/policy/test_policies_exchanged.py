"""A policy that came while another configuration was built is not taken back when that is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from rowgate_server import config
from rowgate_server.core.policy.policies import Policies
from rowgate_server.observability.metrics import Metrics
from rowgate_server.opening import open_databases
from rowgate_server.policing import Policing, ReadPolicy, policy_mark

_POLICY = """
roles:
  {role}:
    rules:
      - {{database: main, table: "*", allow: read}}
"""


@pytest.fixture
def settings(tmp_path: Path) -> config.Settings:
    write(tmp_path, _POLICY.format(role="before"))
    told = {"databases.main.url": f"sqlite:///{tmp_path}/main.db", "policy.path": str(tmp_path / "policy.yaml")}
    return config.load(told, {})


def write(folder: Path, text: str) -> None:
    fresh = folder / "policy.new"
    fresh.write_text(text, encoding="utf-8")
    fresh.rename(folder / "policy.yaml")


def roles(policing: Policing) -> set[str]:
    policies: Policies = policing._policies
    assert policies.policy is not None
    return set(policies.policy.roles)


async def test_a_newer_file_is_taken_instead(settings: config.Settings, tmp_path: Path) -> None:
    databases = open_databases(settings, Metrics())
    policing = Policing(settings, databases, {}, Metrics())
    candidate = ReadPolicy(config.read_policy(settings), policy_mark(settings))
    write(tmp_path, _POLICY.format(role="after"))
    policing.exchange(settings, candidate, databases, {})
    assert roles(policing) == {"after"}


async def test_a_newer_file_that_is_wrong_changes_nothing(settings: config.Settings, tmp_path: Path) -> None:
    databases = open_databases(settings, Metrics())
    policing = Policing(settings, databases, {}, Metrics())
    candidate = ReadPolicy(config.read_policy(settings), policy_mark(settings))
    write(tmp_path, _POLICY.format(role="taken"))
    await policing._watch.look()
    assert roles(policing) == {"taken"}
    write(tmp_path, "roles: 7")
    policing.exchange(settings, candidate, databases, {})
    assert roles(policing) == {"taken"}

"""A policy that came while another configuration was built is not taken back when that is taken."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from rowgate_server import config
from rowgate_server.core.policy.policies import Policies
from rowgate_server.core.policy.records import Policy
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


@pytest.mark.parametrize(
    ("text", "told"), [(_POLICY.format(role="after"), "taken"), ("roles: 7", "refused")], ids=["right", "wrong"]
)
async def test_a_look_that_a_signal_asks_for_is_told_of_though_a_configuration_is_taken_meanwhile(
    settings: config.Settings, tmp_path: Path, text: str, told: str
) -> None:
    databases, metrics = open_databases(settings, Metrics()), Metrics()
    policing = Policing(settings, databases, {}, metrics)
    candidate = ReadPolicy(config.read_policy(settings), policy_mark(settings))
    write(tmp_path, text)
    begun, go_on = threading.Event(), threading.Event()

    def read() -> Policy | None:
        begun.set()
        go_on.wait(10)
        return config.read_policy(settings)

    policing._watch._read = read
    looking = asyncio.create_task(policing._watch.look(read=True))
    assert await asyncio.to_thread(begun.wait, 10)
    policing.exchange(settings, candidate, databases, {})
    go_on.set()
    await looking
    counted = metrics.registry.get_sample_value("rowgate_policy_reloads_total", {"outcome": told})
    assert (counted, roles(policing)) == (1, {"after" if told == "taken" else "before"})

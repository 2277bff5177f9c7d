"""What the metrics tell of the policy: whether the one that holds is the one of the file."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from rowgate_server import config
from rowgate_server.core.policy.records import Policy
from rowgate_server.observability.metrics import Metrics
from rowgate_server.opening import open_databases
from rowgate_server.policing import Policing, ReadPolicy, policy_mark

RIGHT = "roles: {reader: {rules: [{database: main, table: '*', allow: read}]}}"
WRONG = "roles: 7"


class Told:
    """A policy's file, who watches it, and what is told of it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "policy.yaml"
        self.file.write_text(RIGHT, encoding="utf-8")
        flags = {"databases.main.url": f"sqlite:///{folder}/main.db", "policy.path": str(self.file)}
        self.settings = config.load(flags, {})
        self.metrics = Metrics()
        self.databases = open_databases(self.settings, self.metrics)
        self.policing = Policing(self.settings, self.databases, {}, self.metrics)
        self.watch = self.policing._watch

    def exchange(self) -> None:
        """Another configuration is taken."""
        policy = ReadPolicy(config.read_policy(self.settings), policy_mark(self.settings))
        self.policing.exchange(self.settings, policy, self.databases, {})

    @property
    def current(self) -> float | None:
        return self.metrics.registry.get_sample_value("rowgate_policy_current")

    def reloads(self, outcome: str) -> float | None:
        return self.metrics.registry.get_sample_value("rowgate_policy_reloads_total", {"outcome": outcome})


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


async def test_wrong_file_is_told_until_it_is_right(told: Told) -> None:
    seen = []
    for text in (WRONG, f"{RIGHT}\n"):
        told.file.write_text(text, encoding="utf-8")
        await told.watch.look()
        seen.append((told.current, told.reloads("refused"), told.reloads("taken")))
    assert seen == [(0, 1, 0), (1, 1, 1)]


async def test_wrong_file_of_a_configuration_that_holds_no_more_is_not_told(told: Told) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def read() -> Policy | None:
        reading.set()
        go_on.wait(10)
        raise config.ConfigError(["it is wrong"])

    told.watch.follow(str(told.file), 10, read, ())
    looking = asyncio.create_task(told.watch.look())
    await asyncio.to_thread(reading.wait, 10)
    told.exchange()
    go_on.set()
    await looking
    assert (told.current, told.reloads("refused")) == (1, 0)

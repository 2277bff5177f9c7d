"""When a configuration that was refused is tried again: a database must not be asked the same wrong thing for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from rowgate_server import config
from rowgate_server.config_watch import ConfigWatch, Reading
from rowgate_server.engines import clock
from rowgate_server.observability.metrics import Metrics
from rowgate_server.observability.reload_metrics import ReloadMetrics
from support.certificates import Authority

EVERY = 10


def loaded(password: str, authority: Path | None = None) -> config.Settings:
    verified = f"?sslmode=verify-full&sslrootcert={authority}" if authority else ""
    flags = {"databases.main.url": f"postgresql://u:{password}@db/main{verified}", "reload.interval": f"{EVERY}s"}
    return config.load(flags, {})


class Station:
    """A watch that looks every 10 s, and an exchange that refuses all but the password `right`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0
        self.read = loaded("wrong")
        self.error: type[config.ConfigError] = config.UnreachedError
        self.tried: list[int] = []
        monkeypatch.setattr(clock, "now", lambda: self.now)
        self.registry = Metrics().registry
        reading = Reading((), lambda: self.read, ())
        self.watch = ConfigWatch(reading, loaded("right"), self.exchange, ReloadMetrics(self.registry))

    async def exchange(self, settings: config.Settings) -> None:
        self.tried.append(self.now)
        if settings.databases["main"].url.password != loaded("right").databases["main"].url.password:
            raise self.error(["databases.main.url: cannot be reached"])

    async def look(self, times: int = 1, *, told: bool = False) -> list[int]:
        """When it was tried, of so many looks."""
        self.tried = []
        for _ in range(times):
            await self.watch._look(told=told)
            self.now += EVERY
        return self.tried

    @property
    def refused(self) -> float | None:
        return self.registry.get_sample_value("rowgate_config_reloads_total", {"outcome": "refused"})


@pytest.fixture
async def station(monkeypatch: pytest.MonkeyPatch) -> Station:
    made = Station(monkeypatch)
    made.watch._marks = (None,)  # the file is another one than at the start
    return made


async def test_login_that_is_refused_is_tried_after_growing_pauses(station: Station) -> None:
    assert await station.look(100) == [0, 20, 60, 140, 300, 600, 900]
    assert station.refused == 1


async def test_corrected_file_is_tried_at_the_next_look(station: Station, tmp_path: Path) -> None:
    await station.look(20)
    station.read = loaded("other")
    assert await station.look(3) == [200, 220]
    station.read = loaded("right", Authority.make().write(tmp_path))
    assert await station.look(2) == [230]


async def test_another_certificate_is_tried_at_the_next_look(station: Station, tmp_path: Path) -> None:
    station.read = loaded("wrong", Authority.make().write(tmp_path))
    await station.look(20)
    Authority.make("another").write(tmp_path)
    assert await station.look() == [200]


async def test_signal_has_it_tried_at_once(station: Station) -> None:
    await station.look(20)
    assert await station.look(told=True) == [200]


async def test_what_is_refused_for_anything_else_is_tried_at_every_look(station: Station) -> None:
    station.error = config.ConfigError
    assert await station.look(4) == [0, 10, 20, 30]


async def test_same_mistake_after_it_was_mended_is_tried_and_told_anew(station: Station) -> None:
    await station.look(20)
    mistaken, station.read = station.read, loaded("right")
    await station.look()
    station.read = mistaken
    station.watch._marks = (None,)
    assert await station.look(3) == [210, 230]
    assert station.refused == 2

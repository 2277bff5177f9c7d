"""Another configuration that is tried out: what logs and metrics say of databases that are served stays true."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog.testing
from structlog.typing import EventDict
from unit.core.sqlite_files import fill

from rowgate_server import config
from rowgate_server.configured import TableNotMadeError
from rowgate_server.engines.capacity import CapacityCheck
from rowgate_server.observability.metrics import Metrics
from rowgate_server.served import Served
from rowgate_server.transport.interceptors.underway import CallsUnderWay


def loaded(folder: Path, name: str, **more: str) -> config.Settings:
    flags = {"databases.main.url": f"sqlite:///{folder / name}"}
    return config.load({**flags, **{key.replace("__", "."): text for key, text in more.items()}}, {})


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    for name in ("first.db", "second.db"):
        fill(tmp_path / name, "create table x (y)")
    served = Served(loaded(tmp_path, "first.db"), Metrics(), None, 0, lambda _: None)
    await served.start(lambda _: None)
    yield served
    await served.close()


def above_debug(lines: list[EventDict]) -> list[tuple[str, str]]:
    return [(line["log_level"], line["event"]) for line in lines if line["log_level"] != "debug"]


async def test_database_that_is_up_is_not_called_down_for_a_candidate(served: Served, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines, pytest.raises(config.UnreachedError):
        await served.prepare(loaded(tmp_path, "gone.db"))
    assert above_debug(lines) == []
    assert "database is down" in [line["event"] for line in lines], "for who debugs"


async def test_candidate_that_is_taken_is_told_of_as_it_is(served: Served, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        candidate = await served.prepare(loaded(tmp_path, "second.db"))
        assert above_debug(lines) == []
        served.take(candidate, CallsUnderWay())
    # Its file has no write-ahead log.
    assert above_debug(lines) == [("info", "database is up"), ("warning", "database could serve better")]


async def test_new_database_that_is_down_is_told_of_once_it_is_taken(served: Served, tmp_path: Path) -> None:
    settings = loaded(tmp_path, "first.db", databases__other__url=f"sqlite:///{tmp_path / 'gone.db'}")
    with structlog.testing.capture_logs() as lines:
        served.take(await served.prepare(settings), CallsUnderWay())
    assert ("error", "database is down") in above_debug(lines)


@pytest.mark.parametrize(
    "wrong",
    [
        {"databases__main__url": "sqlite:////nowhere/main.db"},
        {"auth__api_keys__tester__hash": f"scrypt:4:8:1:{'s' * 22}:{'h' * 43}"},
    ],
    ids=["not reached", "hash"],
)
async def test_metrics_tell_nothing_of_a_database_of_a_configuration_that_is_refused(
    served: Served, tmp_path: Path, wrong: dict[str, str]
) -> None:
    settings = loaded(tmp_path, "first.db", databases__other__url=f"sqlite:///{tmp_path / 'second.db'}", **wrong)
    with pytest.raises(config.ConfigError):
        await served.prepare(settings)
    samples = [sample for family in served._metrics.registry.collect() for sample in family.samples]
    assert {sample.labels["database"] for sample in samples if "database" in sample.labels} == {"main"}


async def _not_made(*_: object) -> None:
    raise TableNotMadeError("a table that is missing")


@pytest.mark.parametrize("refused", ["trying it out", "after its keys"])
async def test_metrics_tell_of_an_issuer_once_its_configuration_is_taken(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    wrong = {"databases__main__url": "sqlite:////nowhere/main.db"} if refused == "trying it out" else {}
    with monkeypatch.context() as patched:
        if refused == "after its keys":
            patched.setattr("rowgate_server.served.make_missing", _not_made)
        with pytest.raises(config.ConfigError):
            await served.prepare(loaded(tmp_path, "first.db", **issuer(tmp_path), **wrong))
    assert issuers_told(served) == {}
    served.take(await served.prepare(loaded(tmp_path, "first.db", **issuer(tmp_path))), CallsUnderWay())
    assert issuers_told(served) == {"corporate": 1}, "there are no keys in its file"


async def test_metrics_tell_of_an_issuer_of_which_nothing_has_failed(tmp_path: Path) -> None:
    fill(tmp_path / "first.db")
    served = Served(loaded(tmp_path, "first.db", **issuer(tmp_path)), Metrics(), None, 0, lambda _: None)
    assert issuers_told(served) == {"corporate": 0}
    await served.close()


def issuer(folder: Path) -> dict[str, str]:
    keys = folder / "keys.json"
    keys.write_text("{}")
    told = {"issuer": "https://issuer.example", "audience": "rowgate", "jwks": str(keys)}
    return {f"auth__jwt__corporate__{key}": text for key, text in told.items()}


def issuers_told(served: Served) -> dict[str, float]:
    samples = [sample for family in served._metrics.registry.collect() for sample in family.samples]
    failures = [sample for sample in samples if sample.name == "rowgate_auth_jwks_failures_total"]
    return {sample.labels["issuer"]: sample.value for sample in failures}


async def test_another_number_of_replicas_is_reckoned_with(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recounted: list[int] = []
    monkeypatch.setattr(CapacityCheck, "recount", lambda _, processes: recounted.append(processes))
    served.take(await served.prepare(loaded(tmp_path, "first.db", server__replicas="7")), CallsUnderWay())
    assert recounted == [7]

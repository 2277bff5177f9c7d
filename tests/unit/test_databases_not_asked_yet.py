"""A gateway that starts tells nothing of databases that it has not asked: as a worker, all would look down with it."""

from __future__ import annotations

from pathlib import Path

from rowgate_server import app, config


async def test_a_database_is_up_or_down_once_it_was_asked_and_not_before(tmp_path: Path) -> None:
    (tmp_path / "main.db").touch()
    gateway = app.Gateway(
        config.load(
            {
                "databases.main.url": f"sqlite:///{tmp_path / 'main.db'}",
                "databases.several.url": "mariadb://a:b@127.0.0.1:9,127.0.0.1:7/c",
                "default_database": "main",
                "listen": "127.0.0.1:0",
                "admin_listen": "127.0.0.1:0",
            },
            {},
        )
    )

    def told() -> dict[tuple[str, str, str], float]:
        names = ("rowgate_database_up", "rowgate_host_up", "rowgate_host_writable")
        return {
            (family.name, sample.labels["database"], sample.labels.get("host", "")): sample.value
            for family in gateway.metrics.registry.collect()
            for sample in family.samples
            if family.name in names
        }

    try:
        assert told() == {}
        await gateway.start()
        assert told() == {
            ("rowgate_database_up", "main", ""): 1,
            ("rowgate_database_up", "several", ""): 0,
            ("rowgate_host_up", "several", "127.0.0.1:9"): 0,
            ("rowgate_host_up", "several", "127.0.0.1:7"): 0,
            ("rowgate_host_writable", "several", "127.0.0.1:9"): 0,
            ("rowgate_host_writable", "several", "127.0.0.1:7"): 0,
        }
    finally:
        await gateway.stop(pause=False)

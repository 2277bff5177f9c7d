"""What SQLite's sessions make of a connection that has closed meanwhile."""

from __future__ import annotations

from pathlib import Path

from unit.core.sqlite_files import fill

from rowgate_server.engines.dialects.sqlite import SQLiteDriver
from rowgate_server.engines.dialects.sqlite.driver import SQLiteFile, SQLiteTimeouts


async def test_kill_of_a_connection_that_has_closed_is_over(tmp_path: Path) -> None:
    driver = SQLiteDriver(SQLiteFile(fill(tmp_path / "main.db")), SQLiteTimeouts(connect=10, lock=0.1))
    connection = await driver.connect()
    session = driver.session(connection)
    await connection.close()
    assert await session.kill()
    await driver.close()

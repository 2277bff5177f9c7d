"""What the conformance suite must know of each engine to ask all of them the same."""

from __future__ import annotations

from dataclasses import dataclass

from rowgate import Engine as EngineKind


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine, as a database of the gateway under test.

    Attributes:
        name: of the database in the gateway's configuration, and of the engine.
        kind: what ListDatabases must say.
        schema: the default schema.
        series: SQL for the numbers from 1 to `{n}` in a column named `i`.
        endless: SQL of a query that takes minutes and reads nothing.
        running: SQL that counts the statements running on the server which contain `{text}`; empty where no server is.
        dynamic: cells are told one by one, not by column.
    """

    name: str
    kind: EngineKind
    schema: str
    series: str
    endless: str
    running: str = ""
    dynamic: bool = False


_RECURSION = "with recursive s(i) as (select 1 union all select i + 1 from s where i < {n}) "

ENGINES = (
    Engine(
        name="sqlite",
        kind=EngineKind.SQLITE,
        schema="main",
        series=_RECURSION + "select i from s",
        endless=_RECURSION.format(n=10**12) + "select count(*) as endless from s",
        dynamic=True,
    ),
    Engine(
        name="mariadb",
        kind=EngineKind.MARIADB,
        schema="rowgate_test",
        series="select cast(seq as signed) as i from seq_1_to_{n}",
        endless="select sleep(300) as endless",
        running="select count(*) from information_schema.processlist where info like '%{text}%'"
        " and id <> connection_id()",
    ),
    Engine(
        name="postgresql",
        kind=EngineKind.POSTGRESQL,
        schema="public",
        series="select i from generate_series(1, {n}) as i",
        endless="select pg_sleep(300) as endless",
        running="select count(*) from pg_stat_activity where query like '%{text}%' and state = 'active'"
        " and pid <> pg_backend_pid()",
    ),
)


def engines(*names: str) -> list[Engine]:
    """Those of these names; all of them where none is named.

    Raises:
        ValueError: there is no engine of a name.
    """
    unknown = set(names) - {engine.name for engine in ENGINES}
    if unknown:
        raise ValueError(f"no such engines: {', '.join(sorted(unknown))}")
    return [engine for engine in ENGINES if not names or engine.name in names]

"""PostgreSQL's COPY to and from its client is refused, wherever SQL is taken; the driver would wait for ever."""

from __future__ import annotations

import pytest

import rowgate

REFUSED = (
    "copy {table} from/**/stdin",
    "copy {table} from -- x\n stdin",
    "/* a /* b */ c */ copy {table} from stdin",
    "copy (select generate_series(1, 1000)) to/**/stdout",
    "copy pg_catalog.from to stdout",
    "copy pg_catalog . to from stdin",
)


@pytest.fixture
def db(client: rowgate.Client) -> rowgate.Database:
    return client.using("postgresql")


@pytest.mark.parametrize("sql", REFUSED)
async def test_copy_over_the_wire_is_not_run(db: rowgate.Database, sql: str) -> None:
    sql = sql.format(table="pg_class")

    async def stream() -> None:
        async with db.stream(sql) as rows:
            async for _ in rows:
                pass

    async def transact() -> None:
        async with db.transaction() as tx:
            await tx.query(sql)

    for way in (lambda: db.query(sql), stream, transact, lambda: db.batch([sql])):
        with pytest.raises(rowgate.NotSupported, match="COPY") as caught:
            await way()
        assert caught.value.outcome in (rowgate.Outcome.NOT_RUN, rowgate.Outcome.ROLLED_BACK)


async def test_copy_to_a_file_of_the_server_s_is_the_server_s_to_refuse(db: rowgate.Database) -> None:
    with pytest.raises(rowgate.PermissionDenied):
        await db.query("copy (select 'to stdout') to '/nowhere/stdout'")

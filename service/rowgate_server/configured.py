"""The tables that the configuration asks for: read, and made at the start where they are missing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rowgate_server import config
from rowgate_server.core.ddl.maker import TableMaker, TableOrder
from rowgate_server.errors import RowgateError
from rowgate_server.observability.logging import get_logger
from rowgate_server.transport.configured_tables import read_orders

_log = get_logger("rowgate.app")


class TableNotMadeError(Exception):
    """A table that the configuration asks for is missing and cannot be made; the text says which, and why."""


def configured_tables(settings: config.Settings) -> list[TableOrder]:
    """The tables that the settings ask for.

    Raises:
        ConfigError: a file cannot be read, or has something else in it.
    """
    orders: list[TableOrder] = []
    for name, database in settings.databases.items():
        file = database.catalog.tables_from
        if not file:
            continue
        try:
            orders += read_orders(name, Path(file).read_text(encoding="utf-8"))
        except OSError as error:
            words = f"the file cannot be read: {error.strerror or error}"
            raise config.ConfigError([f"databases.{name}.catalog.tables_from: {words}"]) from None
        except ValueError as error:
            raise config.ConfigError([f"databases.{name}.catalog.tables_from: {error}"]) from None
    return orders


async def make_missing(maker: TableMaker, orders: Iterable[TableOrder]) -> None:
    """Make those that are missing.

    Raises:
        TableNotMadeError: one is, and stays so.
    """
    for order in orders:
        try:
            made = await maker.create(order, configured=True)
        except RowgateError as error:
            where = f"databases.{order.database}.catalog.tables_from: table {order.table.name}"
            raise TableNotMadeError(f"{where}: {error}{f' ({error.field})' if error.field else ''}") from None
        if made.created:
            _log.info("made a table that the configuration asks for", database=order.database, table=order.table.name)

"""What the configuration says of each database besides where it is; read at each call, so that it can be exchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rowgate_server import config
from rowgate_server.core.soft_delete import SoftDeletes
from rowgate_server.core.table_cache import TableRules
from rowgate_server.core.transactions.beginning import TransactionRules
from rowgate_server.core.tree import TreeRules
from rowgate_server.observability.metrics import Metrics, TransactionMetrics
from rowgate_server.sharing import transaction_rules

_T = TypeVar("_T")


class Rules:
    """By the databases' names. Whoever was given one of the dictionaries sees what is taken later.

    Args:
        settings: say them.
        metrics: of the gateway.
    """

    def __init__(self, settings: config.Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self.raw_sql: dict[str, bool] = {}
        self.makes_tables: dict[str, bool] = {}
        self.trees: dict[str, TreeRules] = {}
        self.tables: dict[str, TableRules] = {}
        self.transactions: dict[str, TransactionRules] = {}
        self.transaction_metrics: dict[str, TransactionMetrics] = {}
        self.take(settings)

    def take(self, settings: config.Settings) -> None:
        """Say what these settings say, from now on; a call of a database that is gone still finds what it needs."""
        self._fill(settings, self.raw_sql, lambda database: database.limits.raw_sql)
        self._fill(settings, self.makes_tables, lambda database: database.catalog.ddl)
        self._fill(settings, self.trees, _tree_rules)
        self._fill(settings, self.tables, _table_rules)
        self._fill(settings, self.transactions, transaction_rules)
        for name in settings.databases:
            self.transaction_metrics.setdefault(name, self._metrics.transactions(name))

    @staticmethod
    def _fill(settings: config.Settings, rules: dict[str, _T], rule: Callable[[config.Database], _T]) -> None:
        rules.update({name: rule(database) for name, database in settings.databases.items()})


def _tree_rules(database: config.Database) -> TreeRules:
    catalog = database.catalog
    return TreeRules(catalog.max_age, catalog.load_timeout, catalog.max_columns)


def _table_rules(database: config.Database) -> TableRules:
    tables = database.tables
    return TableRules(tables.max_age, SoftDeletes(tables.soft_delete, tables.soft_delete_tables.by_table()))

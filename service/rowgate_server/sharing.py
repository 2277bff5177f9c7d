"""What transactions may take of each pool, and a word where that is all of it."""

from __future__ import annotations

from collections.abc import Iterator

from rowgate_server import config
from rowgate_server.core.transactions.beginning import TransactionRules


def transaction_rules(database: config.Database) -> TransactionRules:
    """What the settings say of one database's transactions."""
    transactions = database.transactions
    of_logins = {name: _most(database, login.pool) for name, login in database.logins.items()}
    return TransactionRules(_most(database, database.pool), transactions.idle_timeout, transactions.timeout, of_logins)


def unshared(settings: config.Settings) -> Iterator[str]:
    """A line for each pool that transactions alone can take, so that nothing else gets a connection meanwhile."""
    for name, database in settings.databases.items():
        pools = {f"databases.{name}": database.pool}
        pools.update({f"databases.{name}.logins.{login}": each.pool for login, each in database.logins.items()})
        for path, pool in pools.items():
            if _most(database, pool) >= _size(pool):
                yield (
                    f"{path}.pool: transactions may hold all of it ({_size(pool)}), while other calls wait; give it "
                    "more connections, or transactions.pool_share less"
                )


def _size(pool: config.Pool) -> int:
    return pool.size + pool.max_overflow


def _most(database: config.Database, pool: config.Pool) -> int:
    """At least one: a pool of one connection has none to leave."""
    return max(1, _size(pool) * database.transactions.pool_share // 100)

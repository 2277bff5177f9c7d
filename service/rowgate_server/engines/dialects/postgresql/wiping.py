"""Wipes sessions: what DISCARD ALL does, and what that leaves although a plain call can have set it.

DISCARD ALL leaves the seed of random(), the counts of what was done to tables, and the connections that dblink has
opened. It stands alone in its message, and one more costs as much again. So its parts go, as its documentation has
them, together with a new seed. What cannot be wiped is told in docs/sql.md.
"""

from __future__ import annotations

from typing import Any

from asyncpg import InsufficientPrivilegeError

_SEEDED_BY_ITSELF = 13
"""The first version with random numbers of the server's own that nobody foresees."""
_FLUSHES = 15
"""The first version that hands on what a session has counted when it is asked to, and not within a second."""

# The message is a transaction: it must not wait for others because a caller has set the default so. Every name is
# qualified, as the login may have a search path of its own, and no seed stands in the server's list of processes.
_WIPE = """
SET TRANSACTION ISOLATION LEVEL READ COMMITTED, NOT DEFERRABLE;
CLOSE ALL;
SET SESSION AUTHORIZATION DEFAULT;
RESET ALL;
DEALLOCATE ALL;
UNLISTEN *;
DISCARD PLANS;
DISCARD TEMP;
DISCARD SEQUENCES;
SELECT pg_catalog.pg_advisory_unlock_all(), pg_catalog.setseed(pg_catalog.float8div(
  pg_catalog.hashtext(pg_catalog.gen_random_uuid()::pg_catalog.text), 2147483648))
"""
# Until it has, pg_stat_xact_user_tables tells the next caller which tables the last one wrote to.
_FLUSH = ", pg_catalog.pg_stat_force_next_flush()"

_DBLINK = """
SELECT n.nspname FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
WHERE e.extname OPERATOR(pg_catalog.=) 'dblink'
"""
# A connection without a name is in no list. Who may not close one could not open one.
_DISCONNECT = f"""
DO LANGUAGE plpgsql $$
DECLARE
  dblink pg_catalog.name;
  opened pg_catalog.text;
BEGIN
  FOR dblink IN {_DBLINK} LOOP
    FOR opened IN EXECUTE pg_catalog.format('SELECT pg_catalog.unnest(%I.dblink_get_connections())', dblink) LOOP
      EXECUTE pg_catalog.format('SELECT %I.dblink_disconnect(%L)', dblink, opened);
    END LOOP;
    EXECUTE pg_catalog.format('SELECT %I.dblink_disconnect()', dblink);
  END LOOP;
EXCEPTION WHEN connection_does_not_exist OR insufficient_privilege THEN NULL;
END $$
"""


class Wiping:
    """Wipes the sessions of one database.

    Attributes:
        dblink: whether the database has it, as far as its login may know.
    """

    def __init__(self) -> None:
        self.dblink = False

    async def learn(self, connection: Any) -> None:
        """Ask whether the database has dblink: an administrator may install it at any time."""
        try:
            self.dblink = await connection.fetchval(_DBLINK) is not None
        except InsufficientPrivilegeError:  # a login may be kept from the catalog's tables, and serve all the same
            self.dblink = False

    async def wipe(self, connection: Any) -> None:
        """Wipe the session of an asyncpg connection that is in no transaction; any error means: drop it."""
        version = connection.get_server_version().major
        wipe = _WIPE + _FLUSH * (version >= _FLUSHES) if version >= _SEEDED_BY_ITSELF else "DISCARD ALL"
        await connection.execute(wipe)
        if self.dblink:
            await connection.execute(_DISCONNECT)

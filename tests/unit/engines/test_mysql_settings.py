"""What is sent behind a reset, as it depends on the server; MySQL itself is not among the servers of the tests."""

from __future__ import annotations

from typing import Any

import pytest
from asyncmy.errors import OperationalError

from rowgate_server.engines.dialects.mysql.settings import SESSION_TRACK, learn


class Server:
    """A connection to a server of that version, where the login has that role."""

    server_capabilities = SESSION_TRACK
    _deprecate_eof = True

    def __init__(self, version: str, role: str | Exception | None, *, others: bool = True) -> None:
        self._others = others
        self._version = version
        self._role = role
        self._result: Any = None

    def get_server_info(self) -> str:
        """As in its greeting."""
        return self._version

    async def query(self, sql: str) -> None:
        """Answer what is asked of a new connection."""
        self._result = self
        if "CURRENT_ROLE" in sql and isinstance(self._role, Exception):
            raise self._role
        self.rows = {
            "SELECT @@max_allowed_packet, @@sql_mode LIKE '%ORACLE%'": [(1024, 0)],
            "SELECT CURRENT_ROLE()": [(self._role,)],
            "SELECT 1 FROM information_schema.applicable_roles LIMIT 1": [(1,)] if self._others else [],
        }.get(sql, [("some", "value")])


async def sent(version: str, role: str | Exception | None, *, changed: bool = True) -> list[str]:
    settings = await learn(Server(version, role), "db", 35)
    return [command[1:].decode() for command in settings.fresh(changed=changed)]


@pytest.mark.parametrize(("role", "shown"), [(None, "NONE"), ("r", "`r`"), ("a`b", "`a``b`")])
async def test_mariadb_s_role_is_set_with_the_rest(role: str | None, shown: str) -> None:
    database, setup = await sent("10.11.6-MariaDB", role, changed=False)
    assert database == "db"
    assert f", ROLE {shown}, " in setup


@pytest.mark.parametrize("roles", ["NONE", "`a`@`%`,`b`@`%`"])
async def test_mysql_s_roles_are_set_by_a_command_of_their_own(roles: str) -> None:
    """DEFAULT would be what a caller has made it since, and with activate_all_roles_on_login the wrong ones."""
    database, role, setup = await sent("8.0.36", roles)
    assert (database, role) == ("db", f"SET ROLE {roles}")
    assert "ROLE" not in setup


async def test_a_server_without_roles_is_asked_for_none() -> None:
    database, setup = await sent("5.7.44", OperationalError(1305, "FUNCTION db.CURRENT_ROLE does not exist"))
    assert (database, "ROLE" in setup) == ("db", False)


async def test_what_else_goes_wrong_is_not_taken_for_no_roles() -> None:
    with pytest.raises(OperationalError):
        await learn(Server("8.0.36", OperationalError(2013, "Lost connection")), "db", 35)


async def test_mariadb_s_profiles_are_wiped_before_the_rest_where_something_may_have_been_set() -> None:
    changed = await sent("10.11.6-MariaDB", None)
    assert [*changed[:3]] == ["SET profiling_history_size=0,profiling=1", "DO 0", "db"]
    assert "profiling=0, profiling_history_size=DEFAULT" in changed[3]
    assert not any("profiling" in command for command in await sent("8.0.36", "NONE"))


@pytest.mark.parametrize(
    ("version", "others", "tracks"), [("8.0.36", True, False), ("8.0.36", False, True), ("10.11.6-MariaDB", True, True)]
)
async def test_every_statement_is_reset_where_a_view_may_set_a_role_that_is_not_told(
    version: str, others: bool, tracks: bool
) -> None:
    settings = await learn(Server(version, "NONE", others=others), "db", 35)
    assert settings.tracks is tracks

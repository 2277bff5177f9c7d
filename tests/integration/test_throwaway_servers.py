"""The kit itself: servers that can be frozen, killed and restarted, and of which nothing is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from support import available, proc
from support.child import Child
from support.guard import test_run as this_run
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway, GatewayDidNotStartError
from support.throwaway import DATABASE, USER, ServerDidNotStartError, ThrowawayServer
from support.tools import buf, grpcurl

TESTS = Path(__file__).parents[1]
ENGINES = [MariaDB, PostgreSQL]
EXPECTED_BIND = {MariaDB: "select @@bind_address", PostgreSQL: "select current_setting('listen_addresses')"}
SUPERUSERS = {
    MariaDB: f"select 1 from mysql.user where user = '{USER}' and 'Y' in (super_priv, process_priv, grant_priv)",
    PostgreSQL: f"select 1 from pg_roles where rolname = '{USER}' and (rolsuper or rolcreaterole or rolcreatedb)",
}


@pytest.fixture(params=ENGINES)
def server(request: pytest.FixtureRequest) -> ThrowawayServer:
    """The session's server of each engine: for tests that only look."""
    fixtures = {MariaDB: "mariadb_server", PostgreSQL: "postgresql_server"}
    found = request.getfixturevalue(fixtures[request.param])
    assert isinstance(found, ThrowawayServer)
    return found


def answers(server: ThrowawayServer) -> bool:
    """Whether the server says a first word to a new connection. PostgreSQL waits for the client's, so one is said."""
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=0.5)) as connection:
        if isinstance(server, PostgreSQL):
            connection.sendall(bytes.fromhex("00000008 04d2162f"))  # SSLRequest
        try:
            return bool(connection.recv(1))
        except TimeoutError:
            return False


def test_a_server_listens_on_loopback_only(server: ThrowawayServer) -> None:
    assert server.execute(EXPECTED_BIND[type(server)]) == [("127.0.0.1",)]


def test_the_test_user_owns_the_database_and_nothing_else(server: ThrowawayServer) -> None:
    assert server.url.endswith(f"127.0.0.1:{server.port}/{DATABASE}")
    assert server.execute(SUPERUSERS[type(server)]) == []


def test_a_server_never_runs_as_root(server: ThrowawayServer) -> None:
    assert Path(f"/proc/{server.child.pid}").stat().st_uid != 0


def test_a_script_reports_the_error_of_a_later_statement(server: ThrowawayServer) -> None:
    with pytest.raises(Exception, match="no_such_table"):
        server.script("select 1; select * from no_such_table")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_frozen_server_is_silent_until_thawed(engine: type[ThrowawayServer]) -> None:
    with engine.start() as server:
        server.freeze()
        assert not answers(server)
        server.thaw()
        assert answers(server)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_killed_server_comes_back_on_its_port_with_what_was_committed(engine: type[ThrowawayServer]) -> None:
    with engine.start() as server:
        port = server.port
        server.script("create table kept (a int); insert into kept values (7)")
        server.kill()
        with pytest.raises(ConnectionRefusedError):
            answers(server)
        server.restart()
        assert server.port == port
        assert server.execute("select a from kept") == [(7,)]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_frozen_server_can_be_stopped_in_order(engine: type[ThrowawayServer]) -> None:
    with engine.start() as server:
        server.freeze()
        server.stop()
        assert server.child.exit_code == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_start_moves_on_from_a_port_that_was_taken(
    engine: type[ThrowawayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter, socket.create_server(("127.0.0.1", 0)) as probe:
        taken, free = squatter.getsockname()[1], probe.getsockname()[1]
        probe.close()
        ports = iter([taken, free])
        monkeypatch.setattr("support.throwaway.free_port", lambda: next(ports))
        with engine.start() as server:
            assert server.port == free
            assert answers(server)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_server_that_cannot_start_shows_its_log(engine: type[ThrowawayServer]) -> None:
    with pytest.raises(ServerDidNotStartError, match="nonsense"):
        engine.start("--nonsense=1")


KILLED_RUN = """
import sys
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway, GatewayDidNotStartError
servers = [MariaDB.start(), PostgreSQL.start()]
servers[0].freeze()
print(servers[0].folder.parent, *(server.child.pid for server in servers), flush=True)
sys.stdin.read()
"""


def test_nothing_is_left_of_a_run_that_was_killed() -> None:
    for engine in ENGINES:
        engine.version()  # says here if it is missing
    command = [sys.executable, "-c", KILLED_RUN]
    with subprocess.Popen(command, cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout
        folder, *servers = run.stdout.readline().decode().split()
        guards = [pid for pid in proc.tree(run.pid) if "support.guard" in Path(f"/proc/{pid}/cmdline").read_text()]
        with proc.Processes([*guards, *proc.tree(*map(int, servers))]) as left:
            run.kill()
            assert left.wait(within=20)
    assert guards
    assert not Path(folder).exists()


def test_a_stop_ends_the_descendants_too() -> None:
    parent = Child(
        ["/bin/sh", "-c", "sleep 600 & echo started $!; wait"],
        folder=this_run().folder,
        environment={"PATH": os.environ["PATH"]},
    )
    started = parent.stdout.wait_for(r"started (\d+)", within=10)
    assert started
    with proc.Processes([int(started[1])]) as grandchild:
        assert parent.stop(signal.SIGTERM, within=10) == -signal.SIGTERM
        assert grandchild.wait(within=10)


STAND_IN = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
print(sys.argv[1:], os.environ.get("ROWGATE_DEFAULT_DATABASE"), file=sys.stderr, flush=True)
print("rowgate-server is ready on 127.0.0.1:1234 (admin 127.0.0.1:5678)", flush=True)
signal.pause()
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> dict[str, str]:
    """An environment whose gateway is ready at once and ends with 3."""
    package = tmp_path / "rowgate_server"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(STAND_IN)
    return {"PYTHONPATH": str(tmp_path)}


def test_a_gateway_is_handed_over_when_it_says_it_is_ready(
    stand_in: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROWGATE_DEFAULT_DATABASE", "of the developer")
    with Gateway.start("--demo", environment=stand_in) as gateway:
        assert (gateway.address, gateway.admin_address) == ("127.0.0.1:1234", "127.0.0.1:5678")
        assert gateway.terminate() == 3
        assert gateway.stderr == "['serve', '--demo'] None\n"


def test_a_gateway_that_does_not_start_shows_what_it_wrote(tmp_path: Path) -> None:
    (tmp_path / "rowgate_server.py").write_text("raise SystemExit('no such flag')")
    with pytest.raises(GatewayDidNotStartError, match=r"exit code 1\n(.|\n)*no such flag"):
        Gateway.start(environment={"PYTHONPATH": str(tmp_path)})


def test_waiting_for_a_line_ends_when_the_process_does() -> None:
    child = Child(["/bin/echo", "something else"], folder=this_run().folder, environment={})
    assert child.stdout.wait_for("ready", within=60) is None
    assert child.stdout.text == "something else\n"
    child.kill()


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)], ids=["at home", "in CI"]
)
def test_what_is_missing_skips_at_home_and_fails_in_ci(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(available, "missing", {})
    with pytest.raises(outcome, match="abacus is missing: buy one"):
        available.unavailable("abacus", "buy one")
    assert available.missing == {"abacus": "buy one"}


@pytest.mark.parametrize("tool", [grpcurl, buf])
def test_the_tools_run(tool: object) -> None:
    assert callable(tool)
    assert subprocess.run([tool(), "--help"], capture_output=True, check=False).returncode == 0

"""A socket file that somebody serves is not taken over in silence; one that was left behind is no hindrance."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import grpc.aio
import pytest

from rowgate_server import config
from rowgate_server.binding import bind
from rowgate_server.listening import ListenError, refuse_taken, start_admin
from rowgate_server.observability.exposition import Snapshot
from rowgate_server.transport.admin import AdminServer, State


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


@pytest.fixture
def served(path: Path) -> Iterator[socket.socket]:
    """Somebody else, whose queue holds one who waits to be accepted."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen(0)
        yield other


async def nothing() -> Snapshot:
    return []


def address(path: Path) -> config.Address:
    return config.Address.parse(f"unix:{path}")


@pytest.mark.usefixtures("served")
async def test_it_is_refused_to_both_ports(path: Path) -> None:
    with pytest.raises(ListenError, match=r"^listen: unix:.*/socket .*: another process serves it$"):
        bind("listen", grpc.aio.server(), address(path), None)
    admin = AdminServer(nothing, lambda: State(ready=True, databases={}))
    with pytest.raises(ListenError, match=r"^admin_listen: unix:.*: another process serves it$"):
        await start_admin(admin, address(path), None)


@pytest.mark.usefixtures("served")
def test_it_is_refused_while_its_server_accepts_nobody(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(str(path))  # all that the queue holds
        with pytest.raises(ListenError, match="another process serves it"):
            refuse_taken("listen", address(path))


def test_what_was_left_behind_is_free(path: Path, served: socket.socket) -> None:
    served.close()
    assert path.exists()
    refuse_taken("listen", address(path))
    path.unlink()
    refuse_taken("listen", address(path))

"""Where the admin port listens, be it one process's own or that of several; a supervisor imports no gRPC."""

from __future__ import annotations

from rowgate_server import config
from rowgate_server.transport.admin import AdminServer


class ListenError(Exception):
    """An address cannot be listened on; the text says which setting, and why."""


async def start_admin(admin: AdminServer, listen: config.Address | None) -> str:
    """Where the admin port listens now: "off" for nowhere.

    Raises:
        ListenError: the address cannot be had.
    """
    if listen is None:
        return "off"
    try:
        return await admin.listen(listen.host, listen.port, listen.path)
    except OSError as error:
        raise ListenError(f"admin_listen: {listen} cannot be listened on: {error.strerror or error}") from None

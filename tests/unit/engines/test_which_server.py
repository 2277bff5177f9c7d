"""A session's number means something on its own server only, and only until that is started anew."""

from __future__ import annotations

import pytest

from rowgate_server.engines.dialects.control import OtherServerError, Server


def test_sessions_end_with_their_server_and_are_not_looked_for_on_others() -> None:
    server = Server("a", "1")
    assert not server.is_past(Server("a", "1"))
    assert server.is_past(Server("a", "2"))
    for other in (Server("b", "1"), Server("b", "2")):
        with pytest.raises(OtherServerError):
            server.is_past(other)

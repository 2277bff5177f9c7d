"""What the log tells of a circuit breaker: that it has opened, that it has closed; its trials are for debugging."""

from __future__ import annotations

from rowgate_server.observability.logging import get_logger

_log = get_logger("rowgate.pool")


class BreakerLog:
    """Tells, of one breaker.

    Args:
        place: whose it is, as the lines name it.
    """

    def __init__(self, **place: str) -> None:
        self._place = place
        self._open = False
        self._told_open = False
        self._shown = True

    def state(self, state: str, *, closed: bool) -> None:
        """It has come to be so."""
        self._open = not closed
        if not self._tell():
            _log.debug("circuit breaker", **self._place, state=state)

    def show(self, *, shown: bool) -> None:
        """Whether it is told of; if it was not and is open, that is told now."""
        self._shown = shown
        self._tell()

    def _tell(self) -> bool:
        if not self._shown or self._open == self._told_open:
            return False
        self._told_open = self._open
        if self._open:
            _log.warning("circuit breaker", **self._place, state="OPEN")
        else:
            _log.info("circuit breaker", **self._place, state="CLOSED")
        return True

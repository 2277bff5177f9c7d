"""How many calls a caller may make, and how many at a time: counted by this process, for each caller by itself.

The rate is a token bucket: so many calls at once as the burst says, and then as they come at the rate. What costs more
than a call (the steps of a batch) may leave a debt, which later calls wait for.
"""

from __future__ import annotations

from collections import OrderedDict

from rowgate_server.core.policy.policies import Policies
from rowgate_server.core.policy.records import Limits
from rowgate_server.engines import clock
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.identity.principal import Principal

_MOST = 10_000
_SOON = 1.0
"""Seconds after which a call may end that another one has to wait for: nobody knows."""


class Meter:
    """What one caller has used."""

    __slots__ = ("_at", "_limits", "_tokens", "running")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tokens = self._burst
        self._at = clock.now()
        self.running = 0

    def bound_by(self, limits: Limits) -> None:
        """From now on by these: the policy may have changed."""
        if limits != self._limits:
            self._limits = limits
            self._tokens = min(self._tokens, self._burst)

    def begin(self) -> None:
        """Count a call.

        Raises:
            RowgateError: QUOTA_EXCEEDED, with the time after which it may be otherwise.
        """
        most = self._limits.concurrent
        if most is not None and self.running >= most:
            raise _exceeded(f"limits.concurrent: {most} at a time", _SOON)
        self.charge(1)
        self.running += 1

    def charge(self, calls: int) -> None:
        """Take so many from the bucket, if there is one in it.

        Raises:
            RowgateError: QUOTA_EXCEEDED, with the time after which there will be.
        """
        rate = self._limits.rate
        if rate is None:
            return
        now = clock.now()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * rate)
        self._at = now
        if self._tokens < 1:
            raise _exceeded(f"limits.rate: {rate:g} a second", (1 - self._tokens) / rate)
        self._tokens -= calls

    @property
    def idle(self) -> bool:
        """Whether forgetting it would give its caller nothing."""
        rate = self._limits.rate or 0
        return not self.running and self._tokens + (clock.now() - self._at) * rate >= self._burst

    @property
    def _burst(self) -> float:
        rate = self._limits.rate
        if rate is None:
            return 1.0
        return float(self._limits.burst or max(1.0, rate))


class Quotas:
    """What every caller has used.

    Args:
        policies: knows the limits of each.
    """

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._meters: OrderedDict[tuple[str, str, str], Meter] = OrderedDict()

    def meter(self, principal: Principal) -> Meter | None:
        """What a caller has used; None where nothing bounds it."""
        limits = self._policies.limits(principal)
        if limits.rate is None and limits.concurrent is None:
            return None
        key = (principal.method.value, principal.issuer, principal.name)
        found = self._meters.get(key)
        if found is None:
            found = self._meters[key] = Meter(limits)
            self._forget()
        else:
            self._meters.move_to_end(key)
            found.bound_by(limits)
        return found

    def charge(self, principal: Principal, calls: int) -> None:
        """Count what is like so many calls, within one that has begun.

        Raises:
            RowgateError: QUOTA_EXCEEDED.
        """
        meter = self.meter(principal)
        if meter is not None and calls > 0:
            meter.charge(calls)

    def _forget(self) -> None:
        """Those that have not called for longest, as far as they would gain nothing by it."""
        if len(self._meters) <= _MOST:
            return
        for key, meter in list(self._meters.items())[: _MOST // 10]:
            if meter.idle:
                del self._meters[key]


def _exceeded(limit: str, retry_after: float) -> RowgateError:
    return RowgateError(
        Reason.QUOTA_EXCEEDED,
        "the caller has had what its role may have for now",
        retry_after=retry_after,
        limit=limit,
        outcome=Outcome.NOT_RUN,
    )

"""Under a policy: lets through the calls whose need is known, and of each caller as many as its role may make.

What a call may do with databases, tables, columns and rows is decided where these are handed out (`core/policy`): here
nothing is known of the request yet. What is noted here is what the RPC needs, so that the databases can ask for it.
"""

from __future__ import annotations

from rowgate_server.core.policy.access import denied
from rowgate_server.core.policy.errand import current_need
from rowgate_server.core.policy.needs import NEEDS, Need
from rowgate_server.core.policy.policies import Policies
from rowgate_server.core.policy.quotas import Meter, Quotas
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.identity.principal import current_principal
from rowgate_server.observability.metrics import MethodLabels, Metrics
from rowgate_server.transport.interceptors.call import RpcCall
from rowgate_server.transport.interceptors.unknown import UNKNOWN


class Authorization:
    """Refuses calls with PERMISSION_DENIED and QUOTA_EXCEEDED.

    Args:
        policies: decides.
        quotas: counts.
        metrics: is told of refusals.
    """

    def __init__(self, policies: Policies, quotas: Quotas, metrics: Metrics) -> None:
        self._policies = policies
        self._quotas = quotas
        self._metrics = metrics
        self._needs: dict[MethodLabels, Need | None] = {}
        self._running: dict[RpcCall, Meter] = {}

    def register(self, labels: MethodLabels) -> None:
        """Look up what the RPC needs."""
        need = Need.NOTHING if labels == UNKNOWN else NEEDS.get(f"{labels.grpc_service}/{labels.grpc_method}")
        self._needs[labels] = need

    def enter(self, call: RpcCall) -> None:
        """Refuse the call, or count it."""
        if self._policies.policy is None:
            return
        need = self._needs[call.labels]
        if need is None:
            # Nobody has decided who may call it.
            raise denied()
        current_need.set(need)
        if need is Need.NOTHING:
            return
        meter = self._quotas.meter(current_principal.get())
        if meter is None:
            return
        try:
            meter.begin()
        except RowgateError:
            self._metrics.quota_refusals.inc()
            raise
        self._running[call] = meter

    def leave(self, call: RpcCall, error: BaseException | None) -> BaseException | None:
        """Count it no longer as running."""
        meter = self._running.pop(call, None)
        if meter is not None:
            meter.running -= 1
        if isinstance(error, RowgateError) and error.reason is Reason.PERMISSION_DENIED:
            self._metrics.denials.inc()
        return error

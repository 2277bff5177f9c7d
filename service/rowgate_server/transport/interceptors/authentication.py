"""Who calls: asked of every call but those for health, before anything is spent on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial

from rowgate_server.engines.caller import caller
from rowgate_server.identity.authenticator import Authenticator
from rowgate_server.identity.principal import Principal, current_principal
from rowgate_server.identity.refusal import RefusedError, Why, too_many_failures, unauthenticated
from rowgate_server.observability.metrics import MethodLabels
from rowgate_server.transport.interceptors.call import Context, RpcCall
from rowgate_server.transport.interceptors.facts import HEALTH, REFLECTION
from rowgate_server.transport.interceptors.unknown import UNKNOWN

HEADER = "authorization"
_KINDS = ("dns", "uri", "ip", "email")


class Authentication:
    """Sets `RpcCall.principal`, and `current_principal` and `caller` for what is further in.

    Args:
        authenticator: knows who it is; None: everybody is anonymous.
        exempt: services that anybody may call.
        anonymous: whether callers who show nothing are let in now, as nobody known. Reflection is not for them.
    """

    def __init__(
        self,
        authenticator: Authenticator | None,
        exempt: Iterable[str] = (HEALTH,),
        anonymous: Callable[[], bool] = lambda: False,
    ) -> None:
        self._anonymous = anonymous
        self.exchange(authenticator, exempt)

    def exchange(self, authenticator: Authenticator | None, exempt: Iterable[str]) -> None:
        """Ask this one from now on."""
        self._authenticator = authenticator
        self._exempt = frozenset(exempt)

    def register(self, labels: MethodLabels) -> None:
        """Nothing to do."""

    def enter(self, call: RpcCall) -> Awaitable[None] | None:
        """Take the principal, or refuse."""
        if self._authenticator is None or call.labels.grpc_service in self._exempt or call.labels == UNKNOWN:
            # What is not there is told to anybody: clients look so for the newer of two reflection services.
            return None
        headers = [text for key, text in call.metadata if key == HEADER]
        anonymous = not headers and call.labels.grpc_service != REFLECTION and self._anonymous()
        try:
            sans = partial(_sans, call.context)
            found = self._authenticator.authenticate(headers, sans, call.peer, anonymous=anonymous)
        except RefusedError as error:
            raise self._refusal(call, error.why) from None
        if isinstance(found, Principal):
            _admit(call, found)
            return None
        return self._wait(call, found)

    def leave(self, call: RpcCall, error: BaseException | None) -> BaseException | None:
        """Nothing to do: the context dies with the call's task."""
        del call
        return error

    async def _wait(self, call: RpcCall, proving: Awaitable[Principal]) -> None:
        try:
            principal = await proving
        except RefusedError as error:
            raise self._refusal(call, error.why) from None
        _admit(call, principal)

    def _refusal(self, call: RpcCall, why: Why) -> Exception:
        """What the caller is told; the operator's log has the reason."""
        call.facts["refused"] = why.value
        if why is Why.RATE_LIMITED and self._authenticator is not None:
            return too_many_failures(self._authenticator.retry_after(call.peer))
        return unauthenticated()


def _admit(call: RpcCall, principal: Principal) -> None:
    call.principal = principal
    current_principal.set(principal)
    # However many connections it comes over, it has one share of a pool.
    caller.set(principal.identity or call.peer)


def _sans(context: Context) -> Iterator[str]:
    """The names in the client's certificate, as the configuration writes them."""
    verified = context.auth_context()
    for kind in _KINDS:
        for name in verified.get(f"peer_{kind}", ()):
            yield f"{kind}:{name.decode('utf-8', 'replace')}"

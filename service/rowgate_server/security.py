"""Builds from the settings what keeps strangers out: authentication, certificates, the audit log."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

from rowgate_server import config
from rowgate_server.engines.database import Databases
from rowgate_server.engines.dialects import Dialect
from rowgate_server.identity.api_keys import ApiKeys, Known
from rowgate_server.identity.authenticator import Authenticator, Methods
from rowgate_server.identity.certificates import Certificates
from rowgate_server.identity.failures import FailureLimit
from rowgate_server.identity.hashing import KeyHash
from rowgate_server.identity.key_sets import KeySet, Source
from rowgate_server.identity.principal import Method, Principal
from rowgate_server.identity.refusal import Why
from rowgate_server.identity.sources import file_source, url_source
from rowgate_server.identity.tokens import Issuer, Tokens
from rowgate_server.observability.audit import STREAMS, AuditLog, open_sink
from rowgate_server.observability.metrics import Metrics
from rowgate_server.transport.interceptors.audit import Audit
from rowgate_server.transport.interceptors.authentication import Authentication
from rowgate_server.transport.interceptors.facts import HEALTH, REFLECTION


def authenticator(auth: config.Auth, metrics: Metrics) -> Authenticator | None:
    """Who knows the callers; None where nobody is asked.

    Raises:
        ConfigError: a hash has parameters that are not accepted, or CA certificates cannot be used.
    """
    if not auth.on:
        return None
    counters = {why: metrics.auth_failures.labels(why.value) for why in Why}
    methods = Methods(_api_keys(auth), _tokens(auth, metrics), _certificates(auth))
    failures = FailureLimit(auth.failures.burst, auth.failures.every)
    return Authenticator(methods, failures, lambda why: counters[why].inc())


def tell_of_issuers(auth: config.Auth, metrics: Metrics) -> None:
    """The metrics tell of these from now on, be it that nothing has failed."""
    for name in auth.jwt:
        metrics.jwks_failures.labels(name)


def forget_issuers(auth: config.Auth, served: config.Auth, metrics: Metrics) -> None:
    """Nor do they tell any more of those that are not served."""
    for name in auth.jwt.keys() - served.jwt.keys():
        metrics.jwks_failures.remove_by_labels({"issuer": name})


def authentication(auth: config.Auth, known_by: Authenticator | None, anonymous: Callable[[], bool]) -> Authentication:
    """The interceptor."""
    return Authentication(known_by, exempt(auth), anonymous)


def exempt(auth: config.Auth) -> Sequence[str]:
    """The services that anybody may call."""
    return (HEALTH, REFLECTION) if auth.open_reflection else (HEALTH,)


def audit_log(settings: config.Audit, metrics: Metrics, worker: int = 0) -> AuditLog | None:
    """Where the audit log goes; None for nowhere. Workers have a file each: one puts aside what it alone has written.

    Raises:
        ConfigError: the file cannot be written.
    """
    if not settings.path:
        return None
    path = settings.path
    if worker and path not in STREAMS:
        path = f"{path}.worker{worker}"
    try:
        return AuditLog(open_sink(path, settings.max_bytes, settings.keep), metrics.audit_failures.inc)
    except OSError as error:
        raise _unwritable(error) from None


def try_audit_log(settings: config.Audit, workers: int) -> None:
    """See whether it could be written, and leave no file behind: whoever asks may be another user than who serves.

    Raises:
        ConfigError: the file cannot be written.
    """
    if not settings.path or settings.path in STREAMS:
        return
    names = [f"{settings.path}.worker{worker}" for worker in range(1, workers + 1)] if workers > 1 else [settings.path]
    for file in map(Path, names):
        if not file.exists():
            if not os.access(file.parent, os.W_OK | os.X_OK):
                number = errno.EACCES if file.parent.is_dir() else errno.ENOENT
                raise _unwritable(OSError(number, os.strerror(number)))
            continue
        try:
            # A pipe without a reader is refused, as at the start.
            os.close(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK))
        except OSError as error:
            raise _unwritable(error) from None


def audit(settings: config.Audit, log: AuditLog | None, databases: Databases) -> Audit:
    """The interceptor."""

    def dialect(name: str) -> Dialect | None:
        return next((database.dialect for database in databases if database.name == name), None)

    return Audit(log, dialect, sql=settings.sql == "text")


def _unwritable(error: OSError) -> config.ConfigError:
    words = f"the file that it names cannot be written: {error.strerror or error}"
    return config.ConfigError([f"audit.path: {words}"])


def _api_keys(auth: config.Auth) -> ApiKeys:
    keys = {}
    for name, key in auth.api_keys.items():
        try:
            parsed = KeyHash.parse(key.hash.get_secret_value())
        except ValueError as error:
            raise config.ConfigError([f"auth.api_keys.{name}.hash: {error}"]) from None
        claims = MappingProxyType(key.claims.by_name())
        keys[name] = Known(parsed, Principal(name, Method.API_KEY, key.roles.words, claims))
    return ApiKeys(keys)


def _tokens(auth: config.Auth, metrics: Metrics) -> Tokens:
    issuers = []
    for name, told in auth.jwt.items():
        failed = partial(_count_failure, metrics, name)
        keys = KeySet(name, _source(name, told.jwks, told.jwks_ca), told.refresh, told.cooldown, failed)
        issuers.append(
            Issuer(
                name=name,
                issuer=told.issuer,
                audience=told.audience.words,
                algorithms=told.algorithms.words,
                leeway=told.leeway,
                name_claim=told.name_claim,
                roles_claim=told.roles_claim,
                keys=keys,
            )
        )
    return Tokens(issuers)


def _count_failure(metrics: Metrics, issuer: str) -> None:
    metrics.jwks_failures.labels(issuer).inc()


def _source(name: str, jwks: str, ca: str) -> Source:
    if "://" not in jwks:
        return file_source(jwks)
    try:
        return url_source(jwks, ca)
    except OSError:
        raise config.ConfigError([f"auth.jwt.{name}.jwks_ca: the file that it names has no certificates"]) from None


def _certificates(auth: config.Auth) -> Certificates:
    by_san = {}
    for name, told in auth.certificates.items():
        claims = MappingProxyType(told.claims.by_name())
        by_san[told.san] = Principal(name, Method.CERTIFICATE, told.roles.words, claims)
    return Certificates(by_san)

"""From the sources to one `Settings`, or to every problem there is."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rowgate_server.config.errors import ConfigError, Problem, explain
from rowgate_server.config.policy import load_policy
from rowgate_server.config.settings import Settings
from rowgate_server.config.shape import spell
from rowgate_server.config.sources import (
    CONFIG_VARIABLE,
    Given,
    Source,
    files_of_environment,
    from_environment,
    from_file,
    from_flags,
    from_mapping,
    unreadable,
)
from rowgate_server.config.values import FrozenMapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rowgate_server.config.fields import Path
    from rowgate_server.core.policy.records import Policy

_NONE: Mapping[str, Mapping[str, Any]] = FrozenMapping({})


def load(
    flags: Mapping[str, str],
    env: Mapping[str, str],
    *,
    extra_databases: Mapping[str, Mapping[str, Any]] = _NONE,
    extra: Mapping[str, Any] = _NONE,
) -> Settings:
    """Read every source and merge: flag > environment > file > `extra_databases` and `extra` > default.

    Args:
        flags: dotted key to text (`listen`, `databases.main.url`, ...); `config` is the path of the file.
        env: the process's environment.
        extra_databases: databases that the program brings itself, as nested plain values by name.
        extra: other settings that it brings.

    Raises:
        ConfigError: with all that is wrong; nothing in it repeats a value.
    """
    sources = [from_mapping(extra_databases, ("databases",), "built in"), from_mapping(extra, (), "built in")]
    sources += _file(flags, env)
    sources += [from_environment(env), from_flags(flags)]
    problems = [problem for source in sources for problem in source.problems]
    if not all(source.readable for source in sources):
        raise ConfigError(map(str, problems))
    merged = {given.path: given for source in sources for given in source.given}
    origins = {path: given.source for path, given in merged.items()}
    settings, refused = _validate(merged.values(), origins, problems)
    problems += refused
    if settings is not None:
        problems += _missing_files(settings)
    if problems or settings is None:
        raise ConfigError(map(str, problems))
    read_policy(settings)
    return settings


def files(flags: Mapping[str, str], env: Mapping[str, str]) -> list[str]:
    """The files that `load` reads settings from, be they there or not."""
    named = [text for name, text in env.items() if name.upper() == CONFIG_VARIABLE]
    if "config" in flags:
        named = [flags["config"]]
    return [*filter(None, named), *files_of_environment(env)]


def read_policy(settings: Settings) -> Policy | None:
    """The policy as its file has it now; None where there is none.

    Raises:
        ConfigError: with all that is wrong with it.
    """
    if not settings.policy.path:
        return None
    logins = {name: set(each.logins) for name, each in settings.databases.items()}
    read_only = {
        (name, login)
        for name, each in settings.databases.items()
        for login, its in each.logins.items()
        if its.url.read_only
    }
    policy = load_policy(settings.policy.path, logins, read_only)
    strangers = [
        Problem(path, settings.origin(path), f"names {spell(role)}, which is no role of the policy")
        for path, roles in _roles(settings)
        for role in roles
        if role not in policy.roles
    ]
    if strangers:
        raise ConfigError(map(str, strangers))
    return policy


def _roles(settings: Settings) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The roles that the configuration itself gives to callers; tokens bring theirs."""
    for kind, members in (("api_keys", settings.auth.api_keys), ("certificates", settings.auth.certificates)):
        for name, member in members.items():
            yield ("auth", kind, name, "roles"), member.roles.words


def _file(flags: Mapping[str, str], env: Mapping[str, str]) -> Iterator[Source]:
    named = [(name, text) for name, text in env.items() if name.upper() == CONFIG_VARIABLE]
    named = [(f"environment {name}", text) for name, text in sorted(named)]
    if "config" in flags:
        named = [("flag --config", flags["config"])]
    if not named:
        return
    if len(named) == 1 and named[0][1]:
        yield from_file(named[0][1])
        return
    source = Source()
    source.readable = False
    words = "names no file" if len(named) == 1 else f"is given by {named[1][0]} too; keep one of them"
    source.refuse(("config",), named[0][0], words)
    yield source


def _validate(
    given: Iterable[Given], origins: Mapping[Path, str], known: Sequence[Problem]
) -> tuple[Settings | None, list[Problem]]:
    try:
        return Settings.model_validate(_nest(given), context=origins), []
    except ValidationError as error:
        # Nothing of pydantic's own error goes on, neither as text nor as a cause: it holds the values.
        errors = error.errors(include_url=False, include_input=False)
    return None, list(explain(errors, origins, known))


def _nest(given: Iterable[Given]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for one in given:
        *sections, last = one.path
        branch = tree
        for segment in sections:
            branch = branch.setdefault(segment, {})
        if one.value is None:
            branch.setdefault(last, {})
        else:
            branch[last] = one.value
    return tree


def _missing_files(settings: Settings) -> Iterator[Problem]:
    """A certificate that is not there would otherwise be found out at the first connection."""
    files: dict[Path, str] = {}
    for section in ("tls", "admin_tls"):
        for name in ("certificate", "key", "client_ca"):
            files[section, name] = getattr(getattr(settings, section), name)
    for issuer, told in settings.auth.jwt.items():
        files["auth", "jwt", issuer, "jwks_ca"] = told.jwks_ca
        files["auth", "jwt", issuer, "jwks"] = "" if "://" in told.jwks else told.jwks
    for path, file in files.items():
        words = unreadable(file) if file else None
        if words is not None:
            yield Problem(path, settings.origin(path), f"the file that it names {words}")
    for database, given in settings.databases.items():
        for place, url in given.urls.items():
            path, file = ("databases", database, *place), url.ssl_root_cert
            words = unreadable(file) or _no_certificates(file) if file else None
            if words is not None:
                yield Problem(path, settings.origin(path), f"the file that its sslrootcert names {words}")


def _no_certificates(file: str) -> str | None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except OSError as error:
        return f"cannot be used: {error.strerror or error}"
    return None

"""The command line: serve, check, healthcheck, config, hash-key, version.

Exit codes: 0 all is well; 1 what was asked about is not well (`check`, `healthcheck`) or the server failed;
2 the command line or the configuration is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rowgate_server import __version__, config, signals
from rowgate_server.demo.hosting import Demo, demo_database
from rowgate_server.marks import Marks, marks

if TYPE_CHECKING:
    from rowgate_server.config_watch import Reading

_WELL, _NOT_WELL, _WRONG = 0, 1, 2


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        code: int = options.command(options)
    except config.ConfigError as error:
        for problem in error.problems:
            _complain(problem)
        return _WRONG
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rowgate-server", description="A gRPC gateway to SQL databases.")
    commands = parser.add_subparsers(required=True, metavar="command")
    serve = _command(commands, "serve", _serve, "serve the configured databases until SIGTERM or SIGINT")
    serve.add_argument("--workers", metavar="N", help="processes that serve the port together; 1 by itself")
    serve.add_argument("--demo", action="store_true", help="also serve a seeded SQLite database named demo")
    _command(commands, "check", _check, "validate the configuration and try each database")
    health = _command(commands, "healthcheck", _healthcheck, "ask a running gateway whether it is ready")
    health.add_argument(
        "--service", default="readiness", help="the health service's name to ask for (default: %(default)s)"
    )
    health.add_argument("--timeout", type=float, default=1.0, help="seconds to wait (default: %(default)s)")
    shown = _command(commands, "config", _config, "print the effective configuration, secrets hidden")
    forms = shown.add_mutually_exclusive_group()
    forms.add_argument("--schema", action="store_true", help="print the configuration's JSON schema instead")
    forms.add_argument("--reference", action="store_true", help="print every setting's documentation, in Markdown")
    text = "Make an API key and the hash of it that the configuration holds."
    key = commands.add_parser("hash-key", help=text[0].lower() + text[1:-1], description=text)
    key.add_argument("name", metavar="NAME", help="the key's name in the configuration: a-z 0-9 _ -")
    key.set_defaults(command=_hash_key)
    version = commands.add_parser("version", help="print the version", description="Print the version.")
    version.set_defaults(command=_version)
    return parser


def _command(commands: Any, name: str, function: Any, description: str) -> argparse.ArgumentParser:
    """A command that reads the configuration, with the flags for it."""
    text = description[0].upper() + description[1:] + "."
    parser: argparse.ArgumentParser = commands.add_parser(name, help=description, description=text)
    parser.set_defaults(command=function)
    flags = parser.add_argument_group("settings", "a flag goes before the environment, which goes before the file")
    flags.add_argument("--config", metavar="FILE", help="the configuration file, in YAML")
    flags.add_argument("--listen", metavar="HOST:PORT", help="where gRPC listens")
    flags.add_argument("--admin-listen", metavar="HOST:PORT", help="where metrics and health listen, or off")
    flags.add_argument("--default-database", metavar="NAME", help="the database that an empty name means")
    flags.add_argument(
        "--database", metavar="NAME=URL", action="append", default=[], help="a database to serve; may be repeated"
    )
    flags.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="any setting, by its dotted key; repeatable"
    )
    flags.add_argument(
        "--insecure", action="store_const", const="true", help="let everybody who can reach the server use it"
    )
    flags.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error")
    flags.add_argument("--log-format", metavar="FORMAT", help="auto, json or console")
    return parser


def _settings(
    options: argparse.Namespace,
    databases: Mapping[str, Mapping[str, Any]] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> config.Settings:
    return config.load(_flags(options), os.environ, extra_databases=databases or {}, extra=extra or {})


def _flags(options: argparse.Namespace) -> dict[str, str]:
    """The flags as dotted keys.

    Raises:
        ConfigError: a pair is none, or a key is given twice.
    """
    named = {
        "config": options.config,
        "listen": options.listen,
        "admin_listen": options.admin_listen,
        "default_database": options.default_database,
        "insecure": options.insecure,
        "log.level": options.log_level,
        "log.format": options.log_format,
        "server.workers": getattr(options, "workers", None),
    }
    flags = {key: value for key, value in named.items() if value is not None}
    pairs = [("--database", pair, "databases.{}.url") for pair in options.database]
    pairs += [("--set", pair, "{}") for pair in options.set]
    for flag, pair, form in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise config.ConfigError(
                [f"flag {flag}: must be of the form {'NAME=URL' if flag == '--database' else 'KEY=VALUE'}"]
            )
        dotted = form.format(key)
        if dotted in flags:
            # The key may be a URL, or the beginning of one, that went to the wrong place: it is not repeated.
            raise config.ConfigError([f"flag {flag}: gives a setting that another flag gives too"])
        flags[dotted] = value
    return flags


def _serve(options: argparse.Namespace) -> int:
    # Until it is listened to: its default is to end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with demo_database(wanted=options.demo) as demo:
        before = marks(config.files(_flags(options), os.environ))
        settings = _settings(options, demo.databases, demo.settings)
        if signals.waiting():
            return _WELL
        from rowgate_server.engines.descriptors import raise_limit

        raise_limit()
        # gRPC's core writes lines of its own to standard error, no JSON; what matters the gateway says itself.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        if settings.server.workers > 1:
            from rowgate_server.supervise import supervise

            return supervise(settings, demo, _reading(options, demo, before))
        # Below here the imports take most of a second: a wrong configuration is told before them.
        from rowgate_server.serve import serve

        return serve(settings, demo, _reading(options, demo, before))


def _reading(options: argparse.Namespace, demo: Demo, before: Marks) -> Reading:
    """How the same is read again later."""
    from rowgate_server.config_watch import Reading

    files = config.files(_flags(options), os.environ)
    return Reading(files, lambda: _settings(options, demo.databases, demo.settings), before)


def _check(options: argparse.Namespace) -> int:
    settings = _settings(options)
    from rowgate_server.checking import check

    return check(settings)


def _healthcheck(options: argparse.Namespace) -> int:
    settings = _settings(options, {"unused": {"url": "sqlite:///unused"}})
    from rowgate_server.transport.healthcheck import healthcheck, trust_in

    address, certificate = settings.health_listen or settings.listen, None
    if settings.health_listen is None and settings.tls.certificate:
        if settings.tls.client_ca:
            raise config.ConfigError(["health_listen: is off, and the gRPC port takes no caller without a certificate"])
        try:
            certificate = trust_in(settings.tls.certificate)
        except ValueError as error:
            raise config.ConfigError([f"tls.certificate: the file that it names {error}"]) from None
    answer = asyncio.run(healthcheck(str(address), options.service, options.timeout, certificate))
    print(answer)
    return _WELL if answer == "SERVING" else _NOT_WELL


def _config(options: argparse.Namespace) -> int:
    if options.schema:
        print(json.dumps(config.json_schema(), indent=2))
        return _WELL
    if options.reference:
        print(config.reference_markdown(), end="")
        return _WELL
    print(config.effective(_settings(options)), end="")
    return _WELL


def _hash_key(options: argparse.Namespace) -> int:
    from rowgate_server.identity.hashing import make_key

    try:
        key, hashed = make_key(options.name)
    except ValueError as error:
        _complain(f"{options.name[:64]!r} {error}")
        return _WRONG
    print(f"key, for its bearer; nothing keeps it:\n  {key}\n")
    print(f"configuration:\n  auth:\n    api_keys:\n      {options.name}:\n        hash: {hashed}")
    return _WELL


def _version(options: argparse.Namespace) -> int:
    del options
    print(f"rowgate-server {__version__}")
    return _WELL


def _complain(line: str) -> None:
    print(f"rowgate-server: {line}", file=sys.stderr)

"""The URL of a database: what is accepted, what it means, and how to show it without its password.

Strict on purpose. An option that is silently ignored is a trap, and a password with a stray `@` or `/` would end up
in the host or database name, where it is shown. No error repeats any part of the URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, unquote

from pydantic import SecretStr

from rowgate_server.config.values import Address, bracketed, parse_host, parse_port
from rowgate_server.engines.dialects import Dialect

SCHEMES = {
    "mysql": Dialect.MYSQL,
    "mysql+asyncmy": Dialect.MYSQL,
    "mariadb": Dialect.MYSQL,
    "mariadb+asyncmy": Dialect.MYSQL,
    "postgresql": Dialect.POSTGRESQL,
    "postgresql+asyncpg": Dialect.POSTGRESQL,
    "postgres": Dialect.POSTGRESQL,
    "sqlite": Dialect.SQLITE,
    "sqlite+aiosqlite": Dialect.SQLITE,
}
_DEFAULT_PORTS = {Dialect.MYSQL: 3306, Dialect.POSTGRESQL: 5432}
HIDDEN = "***"
"""What is shown instead of a password."""

_SHAPE = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^?#]*))?"
)
_MALFORMED_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
MOST_HOSTS = 16
_OPTION_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_ENCODE = "write : / ? # @ % and spaces in a user name, password or database name percent-encoded (@ is %40)"


class SslMode(StrEnum):
    """How a connection to the database is encrypted, in libpq's words."""

    DISABLE = "disable"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"

    @property
    def verifies(self) -> bool:
        """Whether the server's certificate is checked."""
        return self in {SslMode.VERIFY_CA, SslMode.VERIFY_FULL}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrl:
    """A parsed URL, in plain values. Its repr and str never show the password.

    Attributes:
        scheme: as it was written, in lower case.
        dialect: which engine speaks it; MariaDB speaks MySQL's.
        host, port, username: empty, 0 and empty for SQLite; host and port are the first of `hosts`.
        others: the hosts behind the first, each with its port.
        password: None if the URL has none.
        database: the database (MySQL: the default schema, which may be empty; SQLite: the file's path).
        ssl_mode: `verify-full` unless told, `prefer` on loopback; `disable` for SQLite.
        ssl_root_cert: path of the CA certificates to verify against; empty for the system's own.
        read_only: SQLite only: the file is opened with `mode=ro`.
    """

    scheme: str
    dialect: Dialect
    host: str = ""
    port: int = 0
    others: tuple[tuple[str, int], ...] = ()
    username: str = ""
    password: SecretStr | None = None
    database: str = ""
    ssl_mode: SslMode = SslMode.PREFER
    ssl_root_cert: str = ""
    read_only: bool = False

    @property
    def hosts(self) -> tuple[tuple[str, int], ...]:
        """Every host with its port, in order."""
        return ((self.host, self.port), *self.others)

    def same_place(self, other: DatabaseUrl) -> bool:
        """Whether both lead to the same database, whoever logs in."""

        def place(url: DatabaseUrl) -> tuple[object, ...]:
            return url.dialect, url.hosts, url.database

        return place(self) == place(other)

    @classmethod
    def parse(cls, value: object) -> DatabaseUrl:
        """Read a URL.

        Raises:
            ValueError: with a sentence that says what is wrong and repeats nothing of the URL.
        """
        if isinstance(value, DatabaseUrl):
            return value
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not isinstance(text, str):
            raise ValueError("must be a URL such as postgresql://user:password@host/database")  # noqa: TRY004 - pydantic's
        scheme, authority, path, query = _split(text.strip())
        dialect = SCHEMES[scheme]
        if dialect is Dialect.SQLITE:
            return _sqlite(scheme, authority, path, query)
        return _server(scheme, dialect, authority, path, query)

    def render(self, *, hide_password: bool = True) -> str:
        """The URL as text, with `***` for the password unless told otherwise."""
        if self.dialect is Dialect.SQLITE:
            return f"{self.scheme}:///{quote(self.database)}{'?mode=ro' if self.read_only else ''}"
        credentials = quote(self.username, safe="")
        if self.password is not None:
            shown = HIDDEN if hide_password else quote(self.password.get_secret_value(), safe="")
            credentials += f":{shown}"
        path = f"/{quote(self.database, safe='')}" if self.database else ""
        root = f"&sslrootcert={quote(self.ssl_root_cert)}" if self.ssl_root_cert else ""
        addresses = ",".join(f"{bracketed(host)}:{port}" for host, port in self.hosts)
        return f"{self.scheme}://{credentials}@{addresses}{path}?sslmode={self.ssl_mode}{root}"

    def __str__(self) -> str:
        """The URL without its password."""
        return self.render()


def _split(text: str) -> tuple[str, str, str, str]:
    """Scheme, authority, path and query, still encoded; nothing in them is ambiguous."""
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError(f"has a space or an unprintable character; {_ENCODE}")
    match = _SHAPE.fullmatch(text)
    scheme = match["scheme"].lower() if match else text.partition("://")[0].lower()
    if scheme not in SCHEMES:
        raise ValueError(f"must begin with one of {', '.join(f'{name}://' for name in SCHEMES)}")
    # A second @, or one behind the first / or ?, is part of a password that was not encoded.
    if match is None or match["authority"].count("@") != text.count("@") or text.count("@") > 1:
        raise ValueError(f"cannot be taken apart; {_ENCODE}")
    if _MALFORMED_ESCAPE.search(text):
        raise ValueError(f"has a % that two hexadecimal digits do not follow; {_ENCODE}")
    return scheme, match["authority"], match["path"] or "", match["query"] or ""


def _decode(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("has percent-encoded bytes that are not UTF-8") from None
    if any(ord(character) < ord(" ") or character == "\x7f" for character in decoded):
        raise ValueError("has a percent-encoded control character")
    return decoded


def _sqlite(scheme: str, authority: str, path: str, query: str) -> DatabaseUrl:
    if authority:
        raise ValueError(
            "must have three slashes before a relative path, sqlite:///shop.db, and four before an absolute"
        )
    file = _decode(path.removeprefix("/"))
    if file in {"", ":memory:"}:
        raise ValueError("must name a file: in memory, each pooled connection would have an empty database of its own")
    if file.startswith("file:"):
        raise ValueError("must name a plain path: file: and its parameters are not accepted")
    options = _options(query, {"mode"})
    if options.get("mode", "ro") != "ro":
        raise ValueError("has an option mode that is not ro, the only one accepted")
    return DatabaseUrl(
        scheme=scheme,
        dialect=Dialect.SQLITE,
        database=file,
        ssl_mode=SslMode.DISABLE,
        read_only="mode" in options,
    )


def _server(scheme: str, dialect: Dialect, authority: str, path: str, query: str) -> DatabaseUrl:
    credentials, _, addresses = authority.rpartition("@")
    username, colon, password = credentials.partition(":")
    if not username:
        # asyncpg would take one from PGUSER or the system's own user.
        raise ValueError(f"names no user, as in {scheme}://user:password@host/database")
    hosts = _hosts(addresses, _DEFAULT_PORTS[dialect])
    database = _decode(path.removeprefix("/"))
    if dialect is Dialect.POSTGRESQL and not database:
        raise ValueError("names no database, as in postgresql://user:password@host/database")
    if "/" in path[1:]:
        raise ValueError(f"has a second slash in its path; {_ENCODE}")
    ssl_mode, ssl_root_cert = _ssl(
        _options(query, {"sslmode", "sslrootcert"}), local=all(Address(host).local for host, _ in hosts)
    )
    return DatabaseUrl(
        scheme=scheme,
        dialect=dialect,
        host=hosts[0][0],
        port=hosts[0][1],
        others=tuple(hosts[1:]),
        username=_decode(username),
        password=_secret(password) if colon else None,
        database=database,
        ssl_mode=ssl_mode,
        ssl_root_cert=ssl_root_cert,
    )


def _secret(encoded: str) -> SecretStr:
    password = _decode(encoded)
    if password == HIDDEN:
        raise ValueError("has *** for a password: that is how a printed configuration hides it; put the real one")
    return SecretStr(password)


def _hosts(addresses: str, default_port: int) -> list[tuple[str, int]]:
    """As libpq has them: several are separated by commas, each with its own port or the default one."""
    hosts = [_host_and_port(address, default_port) for address in addresses.split(",")]
    if len(set(hosts)) < len(hosts):
        raise ValueError("names a host twice")
    if len(hosts) > MOST_HOSTS:
        raise ValueError(f"names more than {MOST_HOSTS} hosts")
    return hosts


def _host_and_port(address: str, default_port: int) -> tuple[str, int]:
    if not address:
        raise ValueError("names no host")
    if address.endswith("]") or ":" not in address:
        return parse_host(address), default_port
    host, _, port = address.rpartition(":")
    if not host:
        raise ValueError("names no host")
    return parse_host(host), parse_port(port, lowest=1)


def _options(query: str, accepted: set[str]) -> dict[str, str]:
    """What stands behind the `?`; each key once and known."""
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, _, text = part.partition("=")
        shown = f"the option {name}" if _OPTION_NAME.fullmatch(name) else "an option"
        if name not in accepted:
            raise ValueError(f"has {shown}, which is not accepted; accepted here: {', '.join(sorted(accepted))}")
        if name in options:
            raise ValueError(f"has {shown} twice")
        options[name] = _decode(text)
    return options


def _ssl(options: dict[str, str], *, local: bool) -> tuple[SslMode, str]:
    # Nobody else can listen on loopback; and servers there have certificates that nobody has signed.
    untold = SslMode.PREFER if local and "sslrootcert" not in options else SslMode.VERIFY_FULL
    try:
        mode = SslMode(options.get("sslmode", untold))
    except ValueError:
        raise ValueError(f"has an option sslmode that is not one of {', '.join(SslMode)}") from None
    root = options.get("sslrootcert", "")
    if "sslrootcert" in options and not (root and mode.verifies):
        raise ValueError("has an option sslrootcert, which needs a path, and sslmode=verify-ca or verify-full")
    return mode, root

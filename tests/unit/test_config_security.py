"""Safe by default: what a configuration may not say by accident."""

from __future__ import annotations

from pathlib import Path

import pytest

from rowgate_server.config import ConfigError, SslMode, load
from rowgate_server.config.values import Address
from rowgate_server.config.words import Pairs, Words
from support.certificates import Authority

HASH = f"scrypt:14:8:1:{'s' * 22}:{'h' * 43}"
KEY = {"auth.api_keys.bob.hash": HASH}
JWT = {"auth.jwt.a.issuer": "https://a.test", "auth.jwt.a.audience": "rowgate", "auth.jwt.a.jwks": "https://a.test/k"}
HERE = str(Path(__file__))


def problems(flags: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load({"databases.main.url": "sqlite:////x.db", **flags}, {})
    return str(caught.value)


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "db.internal:1", "localhost.evil.test:1"])
@pytest.mark.parametrize("setting", ["listen", "admin_listen"])
def test_without_authentication_no_address_that_others_can_reach_is_taken(setting: str, address: str) -> None:
    told = problems({setting: address})
    assert told.startswith(f"{setting} (flag --{setting.replace('_', '-')}): is no loopback address")
    assert "--insecure" in told
    for more in ({"insecure": "true"}, KEY, JWT):
        settings = load({"databases.main.url": "sqlite:////x.db", setting: address, **more}, {})
        assert getattr(settings, setting) == Address.parse(address)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "unix:/run/x.sock"])
def test_loopback_and_unix_sockets_need_no_authentication(address: str) -> None:
    load({"databases.main.url": "sqlite:////x.db", "listen": address}, {})


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"auth.api_keys.bob.hash": "a-key-in-the-clear"}, "is no hash of a key"),
        ({"auth.api_keys.Bob.hash": HASH}, "is no name: 1 to 63"),
        ({**KEY, "auth.api_keys.bob.roles": "a,,b"}, "must be names of letters"),
        ({**KEY, "auth.api_keys.bob.roles": "a, a"}, "has a name twice"),
        ({**KEY, "auth.api_keys.bob.claims": "tenant"}, "must be name=value"),
        ({**KEY, "auth.api_keys.bob.claims": "a=1,a=2"}, "has a name twice"),
        ({**JWT, "auth.jwt.a.algorithms": "none"}, "must be some of RS256"),
        ({**JWT, "auth.jwt.a.algorithms": "ES256, HS256"}, "must be some of RS256"),
        ({**JWT, "auth.jwt.a.jwks": "http://a.test/keys"}, "or a URL with https:"),
        ({**JWT, "auth.jwt.a.jwks": "ftp://a.test/keys"}, "or a URL with https:"),
        ({**JWT, "auth.jwt.a.jwks": "https://u:planted@a.test/keys"}, "must be a URL without a password"),
        ({**JWT, "auth.jwt.a.jwks": "/nowhere/keys.json"}, "the file that it names cannot be read"),
        ({**JWT, "auth.jwt.a.jwks_ca": "/nowhere/ca.crt"}, "the file that it names cannot be read"),
        ({"auth.jwt.a.issuer": "x"}, "auth.jwt.a.audience"),
        ({**JWT, **{key.replace(".a.", ".b."): text for key, text in JWT.items()}}, "has two of the same issuer"),
        ({"auth.certificates.a.san": "billing.internal"}, "must be dns:, uri:, ip: or email:"),
        ({"auth.certificates.a.san": "dns:a"}, "auth.certificates (flag --set): needs tls.client_ca"),
        ({"auth.certificates.a.san": "dns:a", "auth.certificates.b.san": "dns:a"}, "has two of the same san"),
        ({"tls.certificate": HERE}, "tls.key (default): is missing beside tls.certificate"),
        ({"admin_tls.key": HERE}, "admin_tls.certificate (default): is missing beside admin_tls.key"),
        ({"tls.client_ca": HERE}, "tls.client_ca (flag --set): needs tls.certificate"),
        ({"tls.certificate": "/nowhere/a", "tls.key": HERE}, "the file that it names cannot be read"),
    ],
    ids=str,
)
def test_what_would_let_strangers_in_or_nobody_is_refused(flags: dict[str, str], words: str) -> None:
    told = problems(flags)
    assert words in told
    assert "planted" not in told


def test_roles_and_claims_are_read_from_one_text() -> None:
    assert Words.parse(" reader , a.b/c ").words == ("reader", "a.b/c")
    assert Pairs.parse("tenant=acme, note=a=b, empty=").by_name() == {"tenant": "acme", "note": "a=b", "empty": ""}


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql://a@db.internal/x", SslMode.VERIFY_FULL),
        ("mysql://a@192.0.2.1/x", SslMode.VERIFY_FULL),
        ("mysql://a@localhost/x", SslMode.PREFER),
        ("postgresql://a@[::1]/x", SslMode.PREFER),
        ("postgresql://a@127.0.0.1/x?sslrootcert={authority}", SslMode.VERIFY_FULL),
        ("postgresql://a@db.internal/x?sslmode=prefer", SslMode.PREFER),
    ],
)
def test_a_database_elsewhere_is_verified_unless_the_url_says_otherwise(
    url: str, mode: SslMode, tmp_path: Path
) -> None:
    url = url.replace("{authority}", str(Authority.make().write(tmp_path)))
    assert load({"databases.main.url": url}, {}).databases["main"].url.ssl_mode is mode

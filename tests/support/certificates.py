"""Certificates that tests make: an authority, and what it signs, good or bad on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)
LOCAL = ("dns:localhost", "ip:127.0.0.1")


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, name: str = "tls") -> tuple[Path, Path]:
        """Puts both into files, in one go each, as a new version of what is there."""
        paths = folder / f"{name}.crt", folder / f"{name}.key"
        for path, pem in zip(paths, (self.certificate, self.key), strict=True):
            fresh = path.with_suffix(path.suffix + ".new")
            fresh.write_bytes(pem)
            fresh.chmod(0o600)
            fresh.rename(path)
        return paths


class Authority:
    """One that signs."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key

    @classmethod
    def make(cls, name: str = "tests") -> Self:
        """A new one."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, name, key.public_key(), timedelta(days=-1), timedelta(days=30))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return self._certificate.public_bytes(Encoding.PEM)

    def write(self, folder: Path, name: str = "ca") -> Path:
        """Its own certificate in a file."""
        path = folder / f"{name}.crt"
        path.write_bytes(self.pem)
        return path

    def issue(self, *sans: str, since: timedelta = -_DAY, until: timedelta = 7 * _DAY) -> Issued:
        """A certificate for these names (`dns:`, `ip:`, `uri:`, `email:`); localhost's without any."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self._certificate.subject.rfc4514_string().removeprefix("CN=")
        builder = _builder("leaf", issuer, key.public_key(), since, until)
        names = x509.SubjectAlternativeName([_general(san) for san in sans or LOCAL])
        signed = builder.add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return Issued(signed.public_bytes(Encoding.PEM), pem)


def self_signed(*sans: str) -> Issued:
    """A certificate that nobody else has signed."""
    return Authority.make("nobody").issue(*sans)


def _general(san: str) -> x509.GeneralName:
    kind, _, name = san.partition(":")
    if kind == "ip":
        return x509.IPAddress(ip_address(name))
    kinds: dict[str, Callable[[str], x509.GeneralName]] = {
        "dns": x509.DNSName,
        "uri": x509.UniformResourceIdentifier,
        "email": x509.RFC822Name,
    }
    return kinds[kind](name)


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePublicKey, since: timedelta, until: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since)
        .not_valid_after(now + until)
    )

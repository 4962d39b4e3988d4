"""Certificates of the harness: one authority, a small certificate for localhost, and one that fills several datagrams."""

import base64
import datetime
import hashlib
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Certificates:
    """Files in PEM. A server's file holds its certificate, then its key, so it serves as either."""

    authority: Path
    small: Path
    large: Path
    """About 9 KB: a server needs more than three datagrams for it."""
    pins: str
    """Base64 of the SHA-256 of both public keys, as Chromium wants them."""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=30))
    )


def make(folder: Path) -> Certificates:
    """Writes new certificates below `folder`; the authority's key is forgotten."""
    folder.mkdir(parents=True, exist_ok=True)
    issuer = "Portico interop harness"
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    root = (
        _builder(issuer, issuer, key.public_key())
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    authority = folder / "ca.pem"
    authority.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    pins: dict[str, str] = {}

    def leaf(file: str, extra: int) -> Path:
        own = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName("localhost")]
        names += [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
        names += [x509.DNSName(f"host-{number}.of-a-long-certificate.interop.example") for number in range(extra)]
        made = (
            _builder("localhost", issuer, own.public_key())
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        secret = own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = folder / file
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
        public = own.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        pins[file] = base64.b64encode(hashlib.sha256(public).digest()).decode()
        return path

    small, large = leaf("small.pem", 0), leaf("large.pem", 170)
    return Certificates(authority, small, large, ",".join(pins.values()))

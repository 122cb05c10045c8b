"""Authorities and servers' certificates, good and bad, as real files and contexts."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """A server that shows *certificate*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def self_signed_context(folder: Path) -> ssl.SSLContext:
    """A server whose certificate is its own authority's."""
    alone = trustme.CA()
    return _context_of(folder / "self-signed.pem", alone.cert_pem, alone.private_key_pem)


def chainless_context(certificate: trustme.LeafCert, folder: Path) -> ssl.SSLContext:
    """A server that shows *certificate* without those between it and its authority."""
    return _context_of(folder / "chainless.pem", certificate.cert_chain_pems[0], certificate.private_key_pem)


def shortened(authority: trustme.CA, parent: trustme.CA, expiry: datetime) -> trustme.CA:
    """*authority* with the same key and name, certified by *parent* until *expiry* only."""
    old = authority._certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject).issuer_name(old.issuer).public_key(old.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(old.not_valid_before_utc).not_valid_after(expiry)
    )  # fmt: skip
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    authority._certificate = builder.sign(parent._private_key, hashes.SHA256())
    return authority


def der_of(authority: trustme.CA) -> bytes:
    """An authority's own certificate in DER."""
    return ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode())


def _context_of(file: Path, *parts: trustme.Blob) -> ssl.SSLContext:
    for part in parts:
        part.write_to_path(str(file), append=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context

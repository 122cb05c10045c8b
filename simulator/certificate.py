"""A throw-away authority and a certificate for 127.0.0.1, made by the `openssl` program; without it there is none."""

from __future__ import annotations

import logging
import subprocess
from dataclasses import dataclass
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

logger = logging.getLogger(__name__)

OPENSSL_S = 20.0
DAYS = 30

_SETTINGS = """[req]
distinguished_name = name
prompt = no
[name]
CN = Touchstone simulated clouds
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = IP:127.0.0.1, DNS:localhost
"""
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True, slots=True)
class Certificate:
    """Where the files are: what a client trusts, and what a server shows."""

    authority: Path
    chain: Path
    key: Path

    def context(self) -> SSLContext:
        """A server's TLS context."""
        context = SSLContext(PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context


def certificate(folder: Path) -> Certificate | None:
    """The certificate in *folder*, made when it is not there yet; None, with a warning, when it cannot be made."""
    files = Certificate(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    if files.authority.exists() and files.chain.exists() and files.key.exists():
        return files
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _make(folder)
    except FileNotFoundError:
        logger.warning("no `openssl` on this machine: the TLS cluster of the simulated fleet speaks plain HTTP")
        return None
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        logger.warning("openssl failed (%s): the TLS cluster of the simulated fleet speaks plain HTTP", error)
        return None
    return files


def _make(folder: Path) -> None:
    """The authority's key is deleted once it has signed: nothing else can ever be signed with it."""
    (folder / "openssl.cnf").write_text(_SETTINGS)
    days = ("-days", str(DAYS))
    named = ("-config", "openssl.cnf")
    _openssl(
        folder, "req", "-x509", *named, "-extensions", "authority", *_NEW_KEY, "-keyout", "ca.key", "-out", "ca.pem",
        *days,
    )  # fmt: skip
    _openssl(folder, "req", "-new", *named, *_NEW_KEY, "-keyout", "server.key", "-out", "server.csr")
    _openssl(
        folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "1",
        "-extfile", "openssl.cnf", "-extensions", "server", "-out", "server.pem", *days,
    )  # fmt: skip
    (folder / "server.key").chmod(0o600)
    for leftover in ("ca.key", "server.csr", "openssl.cnf"):
        (folder / leftover).unlink()


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(("openssl", *arguments), cwd=folder, check=True, capture_output=True, timeout=OPENSSL_S)

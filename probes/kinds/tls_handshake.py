"""`tls_handshake`: the endpoint's certificates verify, for its host, and for long enough."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

from probes.certificate import expiry_of, public_key_of
from probes.connection import CONTEXTS_MAX
from probes.contract import Ask, Finding, Subject
from probes.endpoint import Approach
from probes.failure import SERVER_ERRORS, detail_of, printable
from probes.phases import verifying_context
from schemas.clock import Clock
from schemas.config import Module
from schemas.errors import TouchstoneError
from schemas.observation import Outcome, Reason
from schemas.quantity import DurationS
from schemas.sample import Sample

SERIES = "endpoint"
KEPT_EVERY_S = 3600.0  # who answered is kept once an hour, however often is asked
NAMES_CHARS_MAX = 300  # of a certificate; of longer ones the rest is a digest
DAY_S = 86_400.0
_DER = 2  # _ssl.ENCODING_DER
GOODBYE_S = 1.0  # for the far side's part of closing TLS
# OpenSSL's X509_V_ERR_*, as far as they are worth words of our own.
FAULTS: Mapping[int, str] = MappingProxyType(
    {
        9: "not valid yet",
        10: "expired",
        18: "self-signed",
        19: "its chain ends at an authority that is not trusted",
        20: "its issuer is not trusted, or the server leaves out an intermediate certificate",
        21: "its issuer is not trusted, or the server leaves out an intermediate certificate",
        62: "not for this host",
        64: "not for this address",
    }
)


class TlsHandshakeModule(Module):
    """A TLS handshake, with chain, host and expiry verified."""

    kind: Literal["tls_handshake"]
    timeout: DurationS = 10.0
    connection: Literal["cold"] = "cold"
    expiring: DurationS = 14 * DAY_S


async def tls_handshake(ask: Ask) -> Finding:
    """Connect, shake hands, read the certificates; nothing is sent."""
    subject, clock, module = ask.subject, ask.clock, ask.subject.module
    assert isinstance(module, TlsHandshakeModule)
    context = _verifying(subject.place.target.tls.ca_file)
    approach = Approach.to(subject.place.target.url, clock)
    deadline = approach.start + module.timeout
    try:
        async with asyncio.timeout(module.timeout):
            spoken = await _handshake(approach, context, module.timeout)
    except ssl.SSLCertVerificationError as error:
        timings = approach.timings()
        figures = await _figures_of_unverified(approach, deadline - clock.monotonic(), clock)
        fault = FAULTS.get(error.verify_code, error.verify_message)
        return Finding(
            outcome=Outcome.FAILED, reason=Reason.TLS_INVALID, figures=figures, timings=timings,
            detail=detail_of(f"{approach.host}:{approach.port}: {fault} ({error.verify_message})", subject.bearer),
        )  # fmt: skip
    except SERVER_ERRORS as error:
        return approach.failed(error, subject)
    found = _verified(spoken, approach, module, subject)
    if ask.tick.timestamp() % KEPT_EVERY_S >= module.interval:
        return found
    return replace(found, samples=tuple(_samples(spoken, approach)))


def _verified(spoken: ssl.SSLObject, approach: Approach, module: TlsHandshakeModule, subject: Subject) -> Finding:
    """The finding of a chain that verifies, which may not do so for long."""
    timings, chain = approach.timings(), _chain(spoken)
    days = [days_left(der, approach.clock.now()) for der in chain]
    figures = _figures_of_session(spoken) | _figures_of_days(days) | {"certificates": float(len(chain))}
    nearest = figures.get("chain_days_left")
    version, cipher = spoken.version() or "", (spoken.cipher() or ("",))[0]
    if nearest is None or nearest * DAY_S >= module.expiring:
        return Finding(outcome=Outcome.OK, detail=f"{version} {cipher}", figures=figures, timings=timings)
    whose = "the certificate" if nearest == figures.get("days_left") else "a certificate above it in its chain"
    limit = module.expiring / DAY_S
    return Finding(
        outcome=Outcome.DEGRADED, reason=Reason.CERTIFICATE_EXPIRING, figures=figures, timings=timings,
        detail=detail_of(f"{whose} expires in {nearest:.1f} days (limit {limit:g})", subject.bearer),
    )  # fmt: skip


async def _handshake(approach: Approach, context: ssl.SSLContext, timeout_s: float) -> ssl.SSLObject:
    """The TLS session of a connection that was closed again; raises what the sockets and OpenSSL raise."""
    made = await approach.connect()
    transport, _ = await asyncio.get_running_loop().create_connection(
        asyncio.Protocol, sock=made, ssl=context, server_hostname=approach.host,
        ssl_handshake_timeout=timeout_s, ssl_shutdown_timeout=GOODBYE_S,
    )  # fmt: skip
    approach.secured = approach.clock.monotonic()
    approach.peer = transport.get_extra_info("peername")
    spoken = transport.get_extra_info("ssl_object")
    assert isinstance(spoken, ssl.SSLObject)
    transport.close()
    return spoken


async def _figures_of_unverified(approach: Approach, left_s: float, clock: Clock) -> dict[str, float]:
    """
    What can be read of a certificate that does not verify: a second handshake, which believes anything.

    OpenSSL ends the first one before the certificate can be read. Nothing is sent here either.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    again = Approach(clock, approach.host, approach.port)
    try:
        async with asyncio.timeout(max(left_s, 0)):
            spoken = await _handshake(again, context, max(left_s, GOODBYE_S))
    except SERVER_ERRORS:
        return {}
    days = days_left(spoken.getpeercert(binary_form=True) or b"", clock.now())
    return _figures_of_session(spoken) | ({} if days is None else {"days_left": round(days, 4)})


def days_left(der: bytes, now: datetime) -> float | None:
    """Days until the certificate *der* expires, below zero when it has; None when that cannot be read."""
    expiry = expiry_of(der)
    return None if expiry is None else (expiry - now).total_seconds() / DAY_S


def _figures_of_days(days: Sequence[float | None]) -> dict[str, float]:
    """Of a chain, the server's own certificate first; what cannot be read is left out."""
    known = {"days_left": days[0], "chain_days_left": min((one for one in days if one is not None), default=None)}
    return {name: round(value, 4) for name, value in known.items() if value is not None}


def _figures_of_session(spoken: ssl.SSLObject) -> dict[str, float]:
    cipher, version = spoken.cipher(), (spoken.version() or "").removeprefix("TLSv")
    bits = {} if cipher is None else {"cipher_bits": float(cipher[2])}
    return bits | ({"tls_version": float(version)} if version.replace(".", "").isdigit() else {})


def _samples(spoken: ssl.SSLObject, approach: Approach) -> Iterator[Sample]:
    """Who answered: its address, the SHA-256 of its public key, the issuer and the names of its certificate."""
    if approach.peer:
        yield Sample(SERIES, "address", text=str(approach.peer[0]).partition("%")[0])
    if (key := public_key_of(spoken.getpeercert(binary_form=True) or b"")) is not None:
        yield Sample(SERIES, "key", text=hashlib.sha256(key).hexdigest())
    if told := spoken.getpeercert():
        yield Sample(SERIES, "certificate", text=certificate_words(told))


def certificate_words(told: Mapping[str, Any]) -> str:
    """Issuer and names of a certificate in one line, the same for the same ones; *told* as getpeercert gives it."""
    issuer = dict(part for name in told.get("issuer", ()) for part in name)
    names = " ".join(sorted(f"{kind}:{value}" for kind, value in told.get("subjectAltName", ())))
    words = f"{issuer.get('commonName') or issuer.get('organizationName', '')}: {names}"
    if len(words) > NAMES_CHARS_MAX:
        words = f"{words[:NAMES_CHARS_MAX]}... SHA-256 {hashlib.sha256(words.encode()).hexdigest()[:16]}"
    return printable(words)


def _chain(spoken: ssl.SSLObject) -> list[bytes]:
    """
    The chain as it was verified, the server's own certificate first, in DER.

    ssl.SSLObject tells it from Python 3.13 on; the object beneath has done so since 3.10.
    """
    return [certificate.public_bytes(_DER) for certificate in spoken._sslobj.get_verified_chain()]  # type: ignore[attr-defined]


@lru_cache(CONTEXTS_MAX)
def _verifying(ca_file: str | None) -> ssl.SSLContext:
    """The context that every request is verified by; kept, since it holds more than a hundred authorities."""
    try:
        return verifying_context(ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise TouchstoneError(f"tls.ca_file {ca_file}: {error.strerror or error}") from error

"""tls_handshake: what verifies, for how long, and each fault of a certificate told apart, against real servers."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate
from hypothesis import given
from hypothesis import strategies as st

from probes.attempt import observe
from probes.certificate import expiry_of, public_key_of
from probes.kinds.tls_handshake import certificate_words
from schemas.observation import Observation, Outcome, Reason
from tests.support.bad_server import Script, bad_server, hangs, plain, resets, sends
from tests.support.certificates import chainless_context, der_of, self_signed_context, server_context, shortened
from tests.support.sockets import closed_port
from tests.support.subjects import TICK, bench, subject_of


def days(number: float) -> datetime:
    """An instant so many days from now."""
    return datetime.now(UTC) + timedelta(days=number)


class Authority:
    """One that is trusted, with its file."""

    def __init__(self, folder: Path) -> None:
        self.made, self.folder, self.file = trustme.CA(), folder, folder / "ca.pem"
        self.made.cert_pem.write_to_path(str(self.file))

    async def seen(self, context: ssl.SSLContext | None, script: Script = hangs, **module: object) -> Observation:
        """The observation of one handshake with a server of *context*."""
        async with bad_server(script, tls=context) as server, bench() as here:
            url = server.url.replace("http:", "https:")
            subject = subject_of("tls_handshake", url, ca_file=str(self.file), **module)  # type: ignore[arg-type]
            return await observe(here, subject, TICK, 0, 1)

    def leaf(self, host: str = "127.0.0.1", *, expires: float = 90, begins: float = -90) -> ssl.SSLContext:
        """A server with a certificate of this authority."""
        return server_context(self.made.issue_cert(host, not_before=days(begins), not_after=days(expires)))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A new one."""
    return Authority(tmp_path)


async def test_a_good_certificate_says_how_long_it_is_good_and_what_was_spoken(authority: Authority) -> None:
    """With figures and with each phase timed."""
    seen = await authority.seen(authority.leaf(expires=90))

    assert (seen.outcome, seen.reason) == (Outcome.OK, None), seen.detail
    assert seen.figures["days_left"] == pytest.approx(90, abs=0.01)
    assert (seen.figures["certificates"], seen.figures["tls_version"]) == (2, 1.3)
    assert seen.figures["cipher_bits"] >= 128
    assert seen.detail.startswith("TLSv1.3 TLS_")
    timings = seen.timings
    assert timings.dns_ms is None and timings.connect_ms is not None and timings.tls_ms is not None
    assert timings.total_ms is not None and 0 < timings.connect_ms + timings.tls_ms <= timings.total_ms


async def test_a_certificate_that_expires_soon_is_degraded_until_the_limit_says_otherwise(authority: Authority) -> None:
    """Ten days: under fourteen, over seven."""
    context = authority.leaf(expires=10)
    soon = await authority.seen(context)
    enough = await authority.seen(context, expiring="7d")

    assert (soon.outcome, soon.reason) == (Outcome.DEGRADED, Reason.CERTIFICATE_EXPIRING)
    assert soon.detail == "the certificate expires in 10.0 days (limit 14)"
    assert enough.outcome is Outcome.OK


async def test_an_intermediate_that_expires_before_the_certificate_is_noticed(authority: Authority) -> None:
    """The chain is as good as the first of it to expire; this also pins the private call that reads it."""
    between = shortened(authority.made.create_child_ca(), authority.made, days(5))
    seen = await authority.seen(server_context(between.issue_cert("127.0.0.1", not_after=days(90))))

    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.CERTIFICATE_EXPIRING)
    assert seen.detail.startswith("a certificate above it in its chain expires in 5.0 days")
    assert seen.figures["days_left"] == pytest.approx(90, abs=0.01)
    assert seen.figures["chain_days_left"] == pytest.approx(5, abs=0.01)
    assert seen.figures["certificates"] == 3


def orphan(authority: Authority) -> ssl.SSLContext:
    """A chain without its intermediate."""
    leaf = authority.made.create_child_ca().issue_cert("127.0.0.1", not_after=days(90))
    return chainless_context(leaf, authority.folder)


def stranger(_: Authority) -> ssl.SSLContext:
    """Another authority's certificate."""
    return server_context(trustme.CA().issue_cert("127.0.0.1", not_after=days(90)))


INVALID: dict[str, tuple[Callable[[Authority], ssl.SSLContext], str, float | None]] = {
    "expired": (lambda of: of.leaf(expires=-3), "expired (", -3),
    "not valid yet": (lambda of: of.leaf(begins=2), "not valid yet (", 90),
    "another name": (lambda of: of.leaf("other.example"), "not for this", 90),
    "self-signed": (lambda of: self_signed_context(of.folder), "self-signed (", None),
    "an unknown authority": (stranger, "its issuer is not trusted", 90),
    "a missing intermediate": (orphan, "its issuer is not trusted, or the server leaves out an intermediate", 90),
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
async def test_what_does_not_verify_is_invalid_and_its_fault_is_told_apart(name: str, authority: Authority) -> None:
    """With what could be read of it."""
    made, words, left = INVALID[name]
    seen = await authority.seen(made(authority))

    assert (seen.outcome, seen.reason) == (Outcome.FAILED, Reason.TLS_INVALID)
    assert seen.detail.partition(": ")[2].startswith(words), seen.detail
    assert seen.figures["tls_version"] == 1.3
    if left is not None:
        assert seen.figures["days_left"] == pytest.approx(left, abs=0.01)
    assert seen.timings.tls_ms is None and seen.timings.connect_ms is not None


async def test_a_name_is_verified_as_a_name(authority: Authority) -> None:
    """A certificate for an address is none for a name that resolves to it."""
    async with bad_server(hangs, tls=authority.leaf("127.0.0.1")) as server, bench() as here:
        url = server.url.replace("127.0.0.1", "localhost")
        seen = await observe(here, subject_of("tls_handshake", url, ca_file=str(authority.file)), TICK, 0, 1)

    assert seen.reason is Reason.TLS_INVALID
    assert "not for this host" in seen.detail and "localhost" in seen.detail


async def test_a_port_without_tls_is_invalid_a_reset_is_failed_and_a_hang_is_a_timeout(authority: Authority) -> None:
    """Whatever the far side does with a handshake is a finding."""

    async def speaks(answer: Script, **module: object) -> Observation:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            await answer(reader, writer, {})
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with server, bench() as here:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            return await observe(here, subject_of("tls_handshake", url, **module), TICK, 0, 1)  # type: ignore[arg-type]

    http = await speaks(sends(plain("400 Bad Request", b"")))
    reset = await speaks(resets())
    late = await speaks(sends(1.0), timeout="200ms")

    assert (http.outcome, http.reason) == (Outcome.FAILED, Reason.TLS_INVALID), http.detail
    assert (reset.outcome, reset.reason) == (Outcome.FAILED, Reason.CONNECT_FAILED), reset.detail
    assert (late.outcome, late.reason) == (Outcome.FAILED, Reason.CONNECT_TIMEOUT), late.detail
    assert http.figures == reset.figures == late.figures == {}


async def test_before_the_handshake_it_is_called_as_everywhere(authority: Authority, tmp_path: Path) -> None:
    """A closed port is refused; an authority's file that we cannot read is our own fault."""
    with closed_port() as port:
        async with bench() as here:
            refused = await observe(here, subject_of("tls_handshake", f"https://127.0.0.1:{port}"), TICK, 0, 1)
            ours = subject_of("tls_handshake", f"https://127.0.0.1:{port}", ca_file=str(tmp_path / "none.pem"))
            lost = await observe(here, ours, TICK, 0, 1)

    assert refused.reason is Reason.CONNECT_REFUSED
    assert (lost.outcome, lost.reason) == (Outcome.NOT_OBSERVED, Reason.OBSERVER_ERROR)
    assert "none.pem" in lost.detail


@given(
    expiry=st.datetimes(min_value=datetime(1999, 1, 2), max_value=datetime(9999, 12, 31)).map(
        lambda at: at.replace(microsecond=0, tzinfo=UTC)
    )
)
def test_the_expiry_that_is_read_is_the_certificates(expiry: datetime) -> None:
    """In this century's short form and in the long form that 2050 begins."""
    root = trustme.CA()
    leaf = root.issue_cert("host.example", not_before=datetime(1999, 1, 1, tzinfo=UTC), not_after=expiry)

    assert expiry_of(ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())) == expiry


AUTHORITY = der_of(trustme.CA())


@given(garbage=st.binary(max_size=200), at=st.integers(0, len(AUTHORITY)), byte=st.integers(0, 255))
def test_no_bytes_make_the_reading_raise(garbage: bytes, at: int, byte: int) -> None:
    """Random ones, a certificate cut short, and one with a wrong byte."""
    wrong = AUTHORITY[:at] + bytes([byte]) + AUTHORITY[at + 1 :]

    for der in (garbage, AUTHORITY[:at], wrong):
        assert expiry_of(der) is None or isinstance(expiry_of(der), datetime)


async def test_who_answered_is_kept(authority: Authority) -> None:
    """Its address, the SHA-256 of its public key, issuer and names; nothing of what does not verify."""
    made = authority.made.issue_cert("127.0.0.1", "host.example", not_after=days(90))
    seen = await authority.seen(server_context(made))
    key = load_pem_x509_certificate(made.cert_chain_pems[0].bytes()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    kept = {one.item: one.text for one in seen.samples}

    assert {one.series for one in seen.samples} == {"endpoint"}
    assert (kept["address"], kept["key"]) == ("127.0.0.1", hashlib.sha256(spki).hexdigest())
    assert kept["certificate"].endswith(": DNS:host.example IP Address:127.0.0.1")
    assert not (await authority.seen(authority.leaf(expires=-3))).samples


async def test_who_answered_is_kept_once_an_hour(authority: Authority) -> None:
    """Of sixty handshakes an hour that of the first tick, of one an hour each."""
    async with bad_server(hangs, tls=authority.leaf()) as server, bench() as here:
        url = server.url.replace("http:", "https:")
        kept = {}
        for interval, minute in itertools.product(("60s", "1h"), (0, 1, 59)):
            subject = subject_of("tls_handshake", url, ca_file=str(authority.file), interval=interval)
            seen = await observe(here, subject, TICK + timedelta(minutes=minute), 0, 1)
            kept[interval, minute] = len(seen.samples)

    assert list(kept.values()) == [3, 0, 0, 3, 3, 3]


@given(der=st.binary(max_size=200))
def test_no_bytes_raise_where_a_key_is_read(der: bytes) -> None:
    """What is no certificate has none."""
    assert public_key_of(der) is None or isinstance(public_key_of(der), bytes)


def test_many_names_are_cut_and_still_told_apart() -> None:
    """Two certificates of a hundred names that differ in the last."""
    lists = [[("DNS", f"{n}.example") for n in (*range(100), last)] for last in ("a", "b")]
    one, other = (certificate_words({"issuer": (), "subjectAltName": names}) for names in lists)

    assert one != other and one == certificate_words({"subjectAltName": lists[0][::-1]})
    assert max(len(one), len(other)) < 400

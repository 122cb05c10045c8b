"""`touchstone probe` says what is wrong with a server, exits 1, and never shows a traceback."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from pathlib import Path

import pytest
import trustme

from tests.support.bad_server import (
    DONE,
    END,
    FINISH,
    ROLE,
    STREAM_HEAD,
    USAGE,
    Script,
    bad_server,
    event,
    hangs,
    plain,
    resets,
    sends,
    token,
)
from tests.support.processes import touchstone
from touchstone.address import free_port

TOKENS = (token("one "), token("two "))
FAILURES: dict[str, tuple[Script, str]] = {
    "a 401": (sends(plain("401 Unauthorized", b'{"error": {"message": "no such key"}}')), "auth_failed"),
    "a 429": (sends(plain("429 Too Many Requests", b"{}")), "rate_limited"),
    "a stalled stream": (sends(STREAM_HEAD, ROLE, *TOKENS, 10.0), "stalled"),
    "a truncated stream": (sends(STREAM_HEAD, *TOKENS, END), "truncated"),
    "garbage": (sends(b"\x00\xff\x16 nonsense \r\n\r\n"), "bad_stream"),
    "a 200 with an error body": (sends(plain("200 OK", b'{"error": {"message": "it broke"}}')), "error_in_stream"),
    "an empty 200": (sends(plain("200 OK", b"")), "empty"),
    "a redirect": (sends(plain("302 Found", b"", "Location: http://127.0.0.1:1/")), "http_unexpected"),
    "a reset": (resets(STREAM_HEAD, *TOKENS), "connection_lost"),
    "no answer at all": (hangs, "ttft_timeout"),
}
LIMITS = ("--timeout", "3", "--ttft-timeout", "1", "--stall-timeout", "0.5")


GOOD = sends(STREAM_HEAD, ROLE, 0.05, *TOKENS, FINISH, USAGE, DONE, END)


async def probed(url: str, *options: str, **environ: str) -> tuple[int, str]:
    """The exit code, and all that was printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "touchstone", "probe", "--url", url, "--model", "m", *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=os.environ | environ,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, output.decode()


@pytest.mark.parametrize("name", FAILURES)
async def test_each_failure_has_its_reason_and_exit_code_1(name: str) -> None:
    """As the closed vocabulary names it."""
    script, reason = FAILURES[name]
    async with bad_server(script) as server:
        answer = await probed(server.url, *LIMITS)

    check_failed(answer, reason)


def tls_context(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    """What a server needs that *authority* vouches for as *name*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def check_failed(answer: tuple[int, str], reason: str) -> None:
    """Exit code 1, the reason, no traceback."""
    code, said = answer
    assert (code, "Traceback" in said) == (1, False), said
    assert f"FAILED {reason}" in said


async def test_a_closed_port_is_refused() -> None:
    """Nobody listens."""
    check_failed(await probed(f"http://127.0.0.1:{free_port()}/v1", *LIMITS), "connect_refused")


async def test_tls_that_cannot_be_trusted_is_invalid(tmp_path: Path) -> None:
    """An authority that nobody knows; one that is known, for another name; and the right one is taken."""
    authority, ca_file = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    async with bad_server(GOOD, tls=tls_context(authority)) as server:
        unknown, known = await probed(server.url), await probed(server.url, "--ca-file", str(ca_file))
    async with bad_server(GOOD, tls=tls_context(authority, "other.example")) as server:
        another = await probed(server.url, "--ca-file", str(ca_file))

    check_failed(unknown, "tls_invalid")
    check_failed(another, "tls_invalid")
    assert known[0] == 0, known[1]
    assert " tls " in known[1]


async def test_plain_http_to_a_tls_port_loses_the_connection() -> None:
    """A TLS server hangs up on what is no handshake."""
    async with bad_server(GOOD, tls=tls_context(trustme.CA())) as server:
        answer = await probed(server.url.replace("https", "http"), *LIMITS)

    check_failed(answer, "connection_lost")


async def test_an_authority_file_that_is_none_is_our_own_fault(tmp_path: Path) -> None:
    """The provider is not charged for it: not observed, with the file's name."""
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    async with bad_server(GOOD, tls=tls_context(trustme.CA())) as server:
        code, said = await probed(server.url, "--ca-file", str(junk))

    assert (code, "Traceback" in said) == (1, False), said
    assert "NOT_OBSERVED observer_error" in said
    assert str(junk) in said


async def test_a_failure_as_json_has_its_reason_and_exit_code_1() -> None:
    """One document, with every phase that happened."""
    script, reason = FAILURES["a stalled stream"]
    async with bad_server(script) as server:
        code, said = await probed(server.url, *LIMITS, "--json")
    seen = json.loads(said)

    assert code == 1
    assert (seen["outcome"], seen["reason"], seen["tokens"]["chunks"]) == ("failed", reason, 2)
    assert seen["timings"]["first_token_ms"] is not None


async def test_a_good_answer_is_a_waterfall_and_exit_code_0() -> None:
    """A line for each phase, in sixty columns."""
    async with bad_server(GOOD) as server:
        code, said = await probed(server.url, COLUMNS="60")

    assert code == 0, said
    assert said.startswith("OK ")
    assert "first token" in said
    assert "3 billed" in said
    assert max(len(line) for line in said.splitlines()) <= 60


async def test_any_kind_can_be_asked_with_any_of_its_settings() -> None:
    """The figures of a burst stand beneath it; a key goes into the header that was named."""
    async with bad_server(GOOD) as server:
        burst = await probed(server.url, "--kind", "burst", "--set", "n=3", "--set", "answered_min=50%")
        asked = await probed(
            server.url, "--kind", "messages_stream", "--key-env", "KEY", "--key-header", "x-api-key", KEY="k-12345678"
        )
    headers = server.requests[3]["_headers"]

    assert burst[0] == 0, burst[1]
    assert "n 3 · " in burst[1] and "n_ok 3" in burst[1]
    assert isinstance(headers, dict) and headers["x-api-key"] == "k-12345678"
    check_failed(asked, "empty")  # it is no Anthropic server: none of its events is content
    assert "k-12345678" not in asked[1]


async def test_a_server_cannot_steer_the_terminal() -> None:
    """Markup and escape sequences in what it says are shown, not obeyed."""
    steering = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "[/red]\x1b[31m"}]})
    async with bad_server(sends(STREAM_HEAD, *TOKENS, steering, DONE, END)) as server:
        code, said = await probed(server.url)
    async with bad_server(sends(plain("500 Oh", b"[/b] \x1b]0;title\x07"))) as server:
        failed = await probed(server.url)

    assert code == 0, said
    assert "finish [/red]" in said
    check_failed(failed, "http_5xx")
    assert "\x1b" not in said + failed[1]


async def test_a_terminal_without_unicode_gets_an_answer_too() -> None:
    """The bars become question marks."""
    async with bad_server(GOOD) as server:
        code, said = await probed(server.url, PYTHONIOENCODING="ascii")

    assert code == 0, said
    assert "???" in said


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "--url"),
        (("--url", "http://127.0.0.1:1/v1"), "--model"),
        (("--url", "ftp://x", "--model", "m"), "--url"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--key-env", "NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--timeout", "0"), "--timeout"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--timeout", "nan"), "--timeout"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--max-tokens", "0"), "--max-tokens"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--ca-file", "/no/such.pem"), "--ca-file"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--key-env", "TWO_LINES"), "--key-env"),
        (("--url", "http://127.0.0.1:1/v1", "--model", ""), "--model"),
        (("--url", "http://127.0.0.1:70000/v1", "--model", "m"), "--url"),
        (("--url", "http://[::1/v1", "--model", "m"), "--url"),
        (("--url", "http://me:word@127.0.0.1/v1", "--model", "m"), "--url"),
        (("acme/east/chat", "--url", "http://127.0.0.1:1/v1"), "--url"),
        (("--fast",), "--fast"),
        (("--url", "http://127.0.0.1:1/v1", "--kind", "chat_steam"), "chat_stream"),
        (("--url", "http://127.0.0.1:1/v1", "--kind", "embedding"), "--model"),
        (("--url", "http://127.0.0.1:1/v1", "--kind", "http_request", "--max-tokens", "3"), "--max-tokens"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--kind", "burst", "--set", "size=3"), "answered_min"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--kind", "burst", "--set", "n=1"), "--set n"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--set", "expect"), "NAME=VALUE"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--set", "expect={"), "YAML"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--set", "interval=5"), "interval"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--key-header", "not a name"), "--key-header"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--module", "chat"), "--module"),
        (("acme/east/chat", "--kind", "burst"), "--kind"),
        (("acme/east/chat", "--set", "n=3"), "--set"),
    ],
)
def test_wrong_options_are_named_with_exit_code_2(arguments: tuple[str, ...], named: str) -> None:
    """Before anything is sent."""
    result = touchstone("probe", *arguments, TWO_LINES="a\nb")

    assert result.returncode == 2
    assert named in result.stderr
    assert "Traceback" not in result.stderr

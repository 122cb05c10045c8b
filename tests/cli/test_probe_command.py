"""`touchstone probe` says what is wrong with a server, exits 1, and never shows a traceback."""

from __future__ import annotations

import asyncio
import ssl
import sys

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
    plain,
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
}
LIMITS = ("--timeout", "3", "--ttft-timeout", "1", "--stall-timeout", "0.5")


async def probed(url: str, *options: str) -> tuple[int, str]:
    """The exit code, and all that was printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "touchstone", "probe", "--url", url, "--model", "m", *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, output.decode()


@pytest.mark.parametrize("name", FAILURES)
async def test_each_failure_has_its_reason_and_exit_code_1(name: str) -> None:
    """As the closed vocabulary names it."""
    script, reason = FAILURES[name]
    async with bad_server(script) as server:
        code, said = await probed(server.url, *LIMITS)

    assert (code, "Traceback" in said) == (1, False), said
    assert f"FAILED {reason}" in said


async def test_a_closed_port_and_a_tls_error_have_their_reasons() -> None:
    """Nobody listens; an authority that we do not trust."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    good = sends(STREAM_HEAD, ROLE, *TOKENS, FINISH, USAGE, DONE, END)

    closed = await probed(f"http://127.0.0.1:{free_port()}/v1", *LIMITS)
    async with bad_server(good, tls=context) as server:
        untrusted = await probed(server.url, *LIMITS)

    for (code, said), reason in ((closed, "connect_refused"), (untrusted, "tls_invalid")):
        assert (code, "Traceback" in said) == (1, False), said
        assert f"FAILED {reason}" in said


async def test_a_good_answer_is_a_waterfall_and_exit_code_0() -> None:
    """A line for each phase."""
    async with bad_server(sends(STREAM_HEAD, ROLE, 0.05, *TOKENS, FINISH, USAGE, DONE, END)) as server:
        code, said = await probed(server.url)

    assert code == 0, said
    assert said.startswith("OK ")
    assert "first token" in said
    assert "3 billed" in said


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "--url"),
        (("--url", "http://127.0.0.1:1/v1"), "--model"),
        (("--url", "ftp://x", "--model", "m"), "--url"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--key-env", "NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE"),
        (("--url", "http://127.0.0.1:1/v1", "--model", "m", "--timeout", "0"), "--timeout"),
    ],
)
def test_wrong_options_are_named_with_exit_code_2(arguments: tuple[str, ...], named: str) -> None:
    """Before anything is sent."""
    result = touchstone("probe", *arguments)

    assert result.returncode == 2
    assert named in result.stderr
    assert "Traceback" not in result.stderr

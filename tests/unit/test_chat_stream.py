"""chat_stream calls every stream what it is: the table of reference measurement, section 4, and every failure."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
import trustme

from probes.attempt import observe
from probes.kinds.chat_stream import CHAT, ChatStreamModule
from probes.prompt import length, short_prompt
from schemas.observation import Distrust, Observation, Outcome, Reason
from tests.support.bad_server import (
    DONE,
    END,
    FINISH,
    ROLE,
    STREAM_HEAD,
    USAGE,
    Script,
    bad_server,
    chunk,
    echoes,
    event,
    hangs,
    plain,
    resets,
    sends,
    token,
)
from tests.support.subjects import TICK, bench, chat_subject

OK, DEGRADED, FAILED = Outcome.OK, Outcome.DEGRADED, Outcome.FAILED
TOKENS = (token("one "), token("two "), token("three"))
GARBAGE = b"\x16\x03\x01\x00\xff not http at all \r\n\r\n"
ERROR = {"error": {"message": "engine crashed", "type": "internal_error"}}
OVERLOADED = {"error": {"message": "the server is overloaded, try later", "type": "server_error"}}

CASES: dict[str, tuple[Script, Outcome, Reason | None]] = {
    "plain": (sends(STREAM_HEAD, ROLE, *TOKENS, FINISH, USAGE, DONE, END), OK, None),
    "without usage": (sends(STREAM_HEAD, *TOKENS, FINISH, DONE, END), OK, None),
    "without the end marker": (sends(STREAM_HEAD, *TOKENS, FINISH, END), OK, None),
    "comment pings before the first token": (
        sends(STREAM_HEAD, chunk(b": ping\n\n"), 0.1, chunk(b": ping\n\n"), 0.1, *TOKENS, FINISH, DONE, END), OK, None,
    ),
    "carriage returns": (
        sends(STREAM_HEAD, chunk(b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\r\n\r\n'), END),
        OK, None,
    ),
    "truncated": (sends(STREAM_HEAD, *TOKENS, END), FAILED, Reason.TRUNCATED),
    "truncated within an event": (
        sends(STREAM_HEAD, *TOKENS, chunk(b'data: {"choices":[{"del'), END), FAILED, Reason.TRUNCATED,
    ),
    "connection cut": (sends(STREAM_HEAD, *TOKENS), FAILED, Reason.CONNECTION_LOST),
    "connection reset": (resets(STREAM_HEAD, *TOKENS, 0.05), FAILED, Reason.CONNECTION_LOST),
    "reset before the answer": (resets(), FAILED, Reason.CONNECTION_LOST),
    "error event in mid-stream": (
        sends(STREAM_HEAD, token("one"), event(ERROR), DONE, END), FAILED, Reason.ERROR_IN_STREAM,
    ),
    "overload in mid-stream": (
        sends(STREAM_HEAD, token("one"), event(OVERLOADED), DONE, END), FAILED, Reason.NO_CAPACITY,
    ),
    "broken JSON in mid-stream": (
        sends(STREAM_HEAD, token("one"), event('{"choices": ['), *TOKENS, FINISH, DONE, END), FAILED, Reason.BAD_STREAM,
    ),
    "JSON that is no object": (sends(STREAM_HEAD, event("[1, 2]"), FINISH, DONE, END), FAILED, Reason.BAD_STREAM),
    "empty answer": (sends(STREAM_HEAD, ROLE, FINISH, DONE, END), FAILED, Reason.EMPTY),
    "only the end marker": (sends(STREAM_HEAD, DONE, END), FAILED, Reason.EMPTY),
    "empty body": (sends(plain("200 OK", b"")), FAILED, Reason.EMPTY),
    "200 with an error body": (
        sends(plain("200 OK", b'{"error": {"message": "model crashed"}}')), FAILED, Reason.ERROR_IN_STREAM,
    ),
    "200 with a web page": (sends(plain("200 OK", b"<html>welcome</html>")), FAILED, Reason.BAD_STREAM),
    "garbage instead of HTTP": (sends(GARBAGE), FAILED, Reason.BAD_STREAM),
    "no answer": (hangs, FAILED, Reason.TTFT_TIMEOUT),
    "headers, then nothing": (sends(STREAM_HEAD, 5.0), FAILED, Reason.TTFT_TIMEOUT),
    "a role, then nothing": (sends(STREAM_HEAD, ROLE, 5.0), FAILED, Reason.TTFT_TIMEOUT),
    "stalled": (sends(STREAM_HEAD, *TOKENS, 5.0), FAILED, Reason.STALLED),
    "tokens without end": (sends(STREAM_HEAD, *(s for _ in range(40) for s in (token("x "), 0.1))), FAILED,
                           Reason.TOTAL_TIMEOUT),
    "400": (sends(plain("400 Bad Request", b"{}")), FAILED, Reason.BAD_REQUEST),
    "401": (sends(plain("401 Unauthorized", b'{"error": {"message": "no such key"}}')), FAILED, Reason.AUTH_FAILED),
    "402": (sends(plain("402 Payment Required", b"")), FAILED, Reason.PAYMENT_REQUIRED),
    "404": (sends(plain("404 Not Found", b"")), FAILED, Reason.MODEL_NOT_FOUND),
    "429": (sends(plain("429 Too Many Requests", b"{}", "Retry-After: 3")), FAILED, Reason.RATE_LIMITED),
    "500": (sends(plain("500 Internal Server Error", b"oops")), FAILED, Reason.HTTP_5XX),
    "503": (sends(plain("503 Service Unavailable", b"")), FAILED, Reason.NO_CAPACITY),
    "529": (sends(plain("529 Overloaded", b"")), FAILED, Reason.NO_CAPACITY),
    "redirect": (sends(plain("302 Found", b"", "Location: /elsewhere")), FAILED, Reason.HTTP_UNEXPECTED),
    "gzip that is none": (
        sends(plain("200 OK", b"not gzip at all", "Content-Encoding: gzip")), FAILED, Reason.BAD_STREAM,
    ),
}  # fmt: skip


async def seen_of(script: Script, **settings: object) -> Observation:
    """The observation of one attempt against *script*."""
    async with bad_server(script) as server, bench() as here:
        return await observe(here, chat_subject(server.url, **settings), TICK, 0, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CASES)
async def test_each_behaviour_of_a_server_has_its_name(name: str) -> None:
    """Nothing a server does raises; every failure is in the closed vocabulary."""
    script, outcome, reason = CASES[name]

    seen = await seen_of(script)

    assert (seen.outcome, seen.reason) == (outcome, reason), seen.detail


async def test_the_first_token_is_the_first_content_and_the_role_is_only_the_first_byte() -> None:
    """A role chunk at once and content 300 ms later: TTFT is 300 ms."""
    seen = await seen_of(sends(STREAM_HEAD, ROLE, 0.25, token("one "), 0.05, token("two"), 0.1, FINISH, USAGE, END))

    timings = seen.timings
    assert timings.first_byte_ms is not None and timings.first_byte_ms < 240
    assert timings.first_token_ms is not None and 245 <= timings.first_token_ms < 1000
    assert timings.last_token_ms is not None and timings.last_token_ms >= timings.first_token_ms + 45
    assert timings.total_ms is not None and timings.total_ms >= timings.last_token_ms + 95
    assert len(timings.arrivals_ms) == seen.tokens.chunks == 2


async def test_a_stall_shorter_than_its_limit_is_kept_as_the_largest_gap() -> None:
    """One gap of 200 ms between tokens."""
    seen = await seen_of(
        sends(STREAM_HEAD, token("a "), 0.02, token("b "), 0.2, token("c"), FINISH, END), stall_timeout="1s"
    )

    assert seen.outcome is OK
    assert seen.timings.gap_max_ms is not None and 195 <= seen.timings.gap_max_ms < 900


async def test_tokens_are_counted_as_billed_and_as_counted() -> None:
    """Usage says 3; words are counted by splitting; without usage nothing is billed."""
    billed = await seen_of(CASES["plain"][0])
    silent = await seen_of(CASES["without usage"][0])

    assert (billed.tokens.billed_in, billed.tokens.billed_out, billed.tokens.counted_out) == (5, 3, 3)
    assert (silent.tokens.billed_out, silent.tokens.counted_out, silent.tokens.counted_by) == (None, 3, "words")


async def test_an_answer_without_the_nonce_is_wrong_content_and_a_late_one_is_slow() -> None:
    """Both are degraded, never failed."""
    expect = {"echo_nonce": True}
    good = await seen_of(echoes, expect=expect)
    wrong = await seen_of(CASES["plain"][0], expect=expect)
    slow = await seen_of(sends(STREAM_HEAD, 0.1, *TOKENS, FINISH, END), ttft_objective="50ms")

    assert (good.outcome, good.reason) == (OK, None), good.detail
    assert (wrong.outcome, wrong.reason) == (DEGRADED, Reason.WRONG_CONTENT)
    assert (slow.outcome, slow.reason) == (DEGRADED, Reason.SLOW)


async def test_the_same_answer_to_different_prompts_has_the_same_digest() -> None:
    """The digest leaves the nonce out, so that a recording shows."""
    async with bad_server(echoes) as server, bench() as here:
        subject = chat_subject(server.url)
        first, second = [await observe(here, subject, TICK, attempt, 1) for attempt in (0, 1)]

    assert first.id != second.id
    assert first.answer_digest == second.answer_digest != ""
    assert server.requests[0]["messages"] != server.requests[1]["messages"]


async def test_a_closed_port_is_refused_and_an_unknown_name_is_dns() -> None:
    """Before any connection."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        async with bench() as here:
            refused = await observe(here, chat_subject(f"http://127.0.0.1:{port}/v1"), TICK, 0, 1)
            unknown = await observe(here, chat_subject("http://no-such-host.invalid/v1"), TICK, 0, 1)

    assert (refused.outcome, refused.reason) == (FAILED, Reason.CONNECT_REFUSED)
    assert unknown.reason is Reason.DNS_FAILED


async def test_tls_is_timed_apart_and_always_verified(tmp_path: Path) -> None:
    """With the right authority the handshake has its own time; without it the answer is tls_invalid."""
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async with bad_server(echoes, tls=context) as server, bench() as here:
        trusted = await observe(here, chat_subject(server.url, ca_file=str(ca_file)), TICK, 0, 1)
        untrusted = await observe(here, chat_subject(server.url), TICK, 0, 1)

    assert trusted.outcome is OK, trusted.detail
    assert trusted.timings.tls_ms is not None and trusted.timings.tls_ms > 0
    assert trusted.timings.connect_ms is not None and trusted.timings.connect_ms < 1000
    assert (untrusted.outcome, untrusted.reason) == (FAILED, Reason.TLS_INVALID)


async def test_the_key_is_sent_and_never_kept() -> None:
    """A server that repeats the key in its error does not get it into the observation."""
    key = "sk-very-secret-0123456789"
    async with bad_server(sends(plain("401 Unauthorized", f"bad key {key}".encode()))) as server, bench() as here:
        seen = await observe(here, chat_subject(server.url, key=key), TICK, 0, 1)

    headers = server.requests[0]["_headers"]
    assert isinstance(headers, dict) and headers["Authorization"] == f"Bearer {key}"
    assert key not in repr(seen) and "***" in seen.detail


async def seen_late(script: Script, **settings: object) -> Observation:
    """The observation of *script* by an agent whose event loop is blocked for 200 ms, over its limit of 100."""
    import time

    async def blocks(reader: object, writer: object, request: object) -> None:
        time.sleep(0.2)  # noqa: ASYNC251 (blocking the loop is the point)
        await script(reader, writer, request)  # type: ignore[arg-type]

    async with bad_server(blocks) as server, bench(lag_limit_s=0.1) as here:
        return await observe(here, chat_subject(server.url, **settings), TICK, 0, 1)  # type: ignore[arg-type]


async def test_our_own_lateness_is_never_charged() -> None:
    """A limit of time that was over while our loop was late is not observed; slowness measured so is none."""
    stalled = await seen_late(CASES["stalled"][0])
    slow = await seen_late(CASES["plain"][0], ttft_objective="50ms")

    assert (stalled.outcome, stalled.reason) == (Outcome.NOT_OBSERVED, Reason.OBSERVER_OVERLOADED)
    assert "stalled" in stalled.detail
    assert (slow.outcome, slow.distrust) == (OK, Distrust.LOOP_LAG)


async def test_what_a_server_says_stands_however_late_we_were() -> None:
    """A status is a fact; only its timings are not trusted."""
    seen = await seen_late(CASES["500"][0])

    assert (seen.outcome, seen.reason, seen.distrust) == (FAILED, Reason.HTTP_5XX, Distrust.LOOP_LAG)


def test_every_prompt_is_unique_and_its_length_varies_between_the_limits() -> None:
    """The nonce decides both, so a replay asks the same."""
    module = ChatStreamModule(kind="chat_stream", max_tokens=24, max_tokens_min=8)
    nonces = [f"{number:016x}" for number in range(200)]
    prompts = [short_prompt(nonce, length(nonce, module.shortest, module.max_tokens)) for nonce in nonces]
    bodies = [CHAT.body("m", module, prompt) for prompt in prompts]

    lengths = {body["max_tokens"] for body in bodies}
    assert lengths == set(range(8, 25))
    assert len({body["messages"][0]["content"] for body in bodies}) == 200
    assert short_prompt("ab", 24) == short_prompt("ab", 24)

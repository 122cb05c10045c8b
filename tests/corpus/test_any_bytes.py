"""Whatever bytes a server sends, in whatever pieces, a probe gives an observation that is not our own fault."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from probes.attempt import observe
from schemas.observation import OBSERVER_REASONS, Observation
from schemas.probe_kinds import INTEGRITY_KINDS
from tests.support.server_files import ServerFile, served
from tests.support.subjects import TICK, bench, chat_subject, http_subject, subject_of

HEADS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n",
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\n",
    b"",
)
PARTS = (
    b"data: ", b"data:", b"event: error\n", b": ping\n\n", b"\n\n", b"\r\n\r\n", b"[DONE]", b"{", b"}", b"[", b"]",
    b'{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}', b'{"choices":[null]}', b'{"choices":{}}',
    b'{"choices":[{"delta":[]}]}', b'{"error":{"message":7}}', b'{"error":"overloaded"}',
    b'{"choices":[{"delta":{"content":7}}]}',
    b'{"usage":{"prompt_tokens":-1}}', b'"\xff\xfe"', b"\xf0\x9f", b"\x00", b"5\r\n", b"0\r\n\r\n", b"ffffffff\r\n",
)  # fmt: skip
SETTINGS = {"timeout": "500ms", "ttft_timeout": "150ms", "stall_timeout": "150ms"}


async def seen_of(pieces: list[bytes], folder: Path) -> list[Observation]:
    """What every kind saw of a server that sends *pieces* and closes."""
    file = ServerFile("any", "", tuple({"send_hex": piece.hex()} for piece in pieces), {})
    async with served(file, folder) as (url, _), bench(lag_limit_s=60.0) as here:
        subjects = (chat_subject(url, **SETTINGS), http_subject(url, timeout="500ms"))
        return [await observe(here, subject, TICK, 0, 1) for subject in subjects]


@settings(max_examples=150, deadline=None)
@given(
    head=st.sampled_from(HEADS),
    pieces=st.lists(st.sampled_from(PARTS) | st.binary(max_size=40), max_size=12),
)
@example(head=b"", pieces=[])
@example(head=HEADS[0], pieces=[b"data: " + b"[" * 100_000])
def test_no_bytes_are_our_fault(head: bytes, pieces: list[bytes]) -> None:
    """Every one has an outcome and a reason of the server's."""
    with TemporaryDirectory() as folder:
        for seen in asyncio.run(seen_of([head, *pieces], Path(folder))):
            assert seen.reason not in OBSERVER_REASONS, seen.detail


SAMPLING: dict[str, dict[str, object]] = {kind: {} for kind in INTEGRITY_KINDS} | {
    "identity_sample": {"set": "s"},
    "repeat_prompt": {"set": "s"},
    "border_input": {"set": "s", "inputs": (1, 2)},
    "logprob_sample": {"set": "s"},
    "cache_timing": {"gap": "1ms", "prompt_tokens": 100},
}


async def sampled_of(kind: str, pieces: list[bytes], folder: Path) -> Observation:
    """What a kind that keeps samples saw of a server that sends *pieces* and closes."""
    file = ServerFile("any", "", tuple({"send_hex": piece.hex()} for piece in pieces), {})
    async with served(file, folder) as (url, _), bench(lag_limit_s=60.0) as here:
        subject = replace(subject_of(kind, url, **SETTINGS, **SAMPLING[kind]), secret=SecretStr("a-secret-of-ours"))
        return await observe(here, subject, TICK, 0, 1)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(sorted(INTEGRITY_KINDS)),
    pieces=st.lists(st.sampled_from(PARTS) | st.binary(max_size=40), max_size=12),
)
@example(
    kind="identity_sample",
    pieces=[b'data: {"choices":[{"delta":{"content":"\\u0000\\ud83d\\ude00"},"finish_reason":"stop"}]}\n\n'],
)
def test_no_bytes_are_our_fault_where_samples_are_kept(kind: str, pieces: list[bytes]) -> None:
    """And what is kept can be stored: a sample checks itself."""
    with TemporaryDirectory() as folder:
        seen = asyncio.run(sampled_of(kind, [HEADS[0], *pieces], Path(folder)))
        assert seen.reason not in OBSERVER_REASONS, seen.detail
        assert all(sample.text.encode() is not None for sample in seen.samples)

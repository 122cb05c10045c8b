"""Whatever bytes a server sends, in whatever pieces, a probe gives an observation that is not our own fault."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from probes.attempt import observe
from schemas.observation import OBSERVER_REASONS, Observation
from tests.support.server_files import ServerFile, served
from tests.support.subjects import TICK, bench, chat_subject, http_subject

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

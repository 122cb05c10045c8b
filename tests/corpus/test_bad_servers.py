"""Every bad server of the corpus is called what its file says, at a bounded cost; nothing raises."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from probes.attempt import observe
from schemas.observation import Observation
from tests.support.bad_server import bad_server, hangs
from tests.support.server_files import MB, ServerFile, served, server_files
from tests.support.subjects import TICK, bench, chat_subject, http_subject

FILES = server_files()
CASES = [(name, kind) for name, file in FILES.items() for kind in file.expect]
MEMORY_MB_MAX = 48  # 8 MiB of body twice over (buffered, joined), and as much again to unpack or parse it


async def seen_of(file: ServerFile, kind: str, folder: Path, elsewhere: str = "") -> Observation:
    """What a probe of *kind* saw of *file*."""
    async with served(file, folder, elsewhere) as (url, ca_file), bench() as here:
        subject = (
            chat_subject(url, ca_file=ca_file)
            if kind == "chat_stream"
            else http_subject(url, ca_file=ca_file, timeout="700ms")
        )
        return await observe(here, subject, TICK, 0, 1)


@pytest.mark.parametrize(("name", "kind"), CASES, ids=[f"{name}-{kind}" for name, kind in CASES])
async def test_each_is_called_what_its_file_says(name: str, kind: str, tmp_path: Path) -> None:
    """Outcome and reason; the detail is printable and short."""
    seen = await seen_of(FILES[name], kind, tmp_path)

    assert f"{seen.outcome} {seen.reason or ''}".strip() == FILES[name].expect[kind], seen.detail
    assert seen.detail.isprintable()


@pytest.mark.parametrize("name", ["line-of-10-mb", "endless-body", "gzip-bomb", "headers-without-end"])
async def test_what_a_server_sends_costs_a_bounded_amount_of_memory(name: str, tmp_path: Path) -> None:
    """However much it sends, or makes us unpack."""
    tracemalloc.start()
    try:
        seen = await seen_of(FILES[name], "chat_stream", tmp_path)
        peak_mb = tracemalloc.get_traced_memory()[1] / MB
    finally:
        tracemalloc.stop()

    assert seen.bytes_in <= 20 * MB
    assert peak_mb < MEMORY_MB_MAX, f"{peak_mb:.0f} MB"


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    """Where it leads, nobody connects."""
    async with bad_server(hangs) as tempting:
        seen = await seen_of(FILES["redirect"], "chat_stream", tmp_path, tempting.url)

    assert (seen.http_status, tempting.requests) == (302, [])


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("usage-")])
async def test_usage_that_cannot_be_is_left_out(name: str, tmp_path: Path) -> None:
    """Billed tokens are unknown then, never a number that somebody made up."""
    tokens = (await seen_of(FILES[name], "chat_stream", tmp_path)).tokens

    assert (tokens.billed_in, tokens.billed_out, tokens.counted_out) == (None, None, 1)


async def test_a_character_in_two_pieces_is_one(tmp_path: Path) -> None:
    """The digest is of the whole character."""
    import hashlib

    seen = await seen_of(FILES["split-utf8"], "chat_stream", tmp_path)

    assert seen.answer_digest == hashlib.sha256("💡".encode()).hexdigest()[:16]

"""Bad servers as files: what each sends, step by step, and what a probe must call it."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import trustme
import yaml

FOLDER = Path(__file__).resolve().parents[1] / "corpus" / "servers"
MB = 1024 * 1024
PIECE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class ServerFile:
    """One file. *expect*: kind to `outcome reason`. *tls*: good, expired, self-signed, wrong-host, plain or none."""

    name: str
    says: str
    steps: tuple[Mapping[str, Any], ...]
    expect: Mapping[str, str]
    tls: str = ""
    reads_request: bool = True


def server_files() -> dict[str, ServerFile]:
    """Every file of the corpus by its name."""
    return {
        file.stem: ServerFile(
            name=file.stem,
            says=(read := yaml.safe_load(file.read_text()))["says"],
            steps=tuple(read["steps"]),
            expect=read["expect"],
            tls=read.get("tls", ""),
            reads_request=read.get("reads_request", True),
        )
        for file in sorted(FOLDER.glob("*.yaml"))
    }


@asynccontextmanager
async def served(file: ServerFile, folder: Path, elsewhere: str = "") -> AsyncIterator[tuple[str, str | None]]:
    """Serve *file* on loopback: its URL, and the authority to trust. *elsewhere* is where its redirects lead."""
    for step in file.steps:
        if "send_zeros_gzipped_mb" in step:
            zeros_gzipped(step["send_zeros_gzipped_mb"])
    authority = trustme.CA()
    ca_file = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    tasks: set[asyncio.Task[Any]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            if file.reads_request:
                await _read_request(reader)
            for step in file.steps:
                await _take(step, writer, elsewhere)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=_tls(file.tls, authority))
    scheme = "https" if file.tls else "http"
    try:
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", str(ca_file) if file.tls else None
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _tls(kind: str, authority: trustme.CA) -> ssl.SSLContext | None:
    if kind in {"", "plain"}:
        return None
    yesterday = datetime.now(UTC) - timedelta(days=1)
    certificate = {
        "good": lambda: authority.issue_cert("127.0.0.1"),
        "expired": lambda: authority.issue_cert("127.0.0.1", not_after=yesterday),
        "self-signed": lambda: trustme.CA().issue_cert("127.0.0.1"),
        "wrong-host": lambda: authority.issue_cert("other.example"),
    }[kind]()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


async def _take(step: Mapping[str, Any], writer: asyncio.StreamWriter, elsewhere: str) -> None:
    match step:
        case {"send": text, "apart_s": apart_s}:
            for byte in text.encode():
                await _send(writer, bytes([byte]))
                await asyncio.sleep(apart_s)
        case {"send": text, "times": times, "every_s": every_s}:
            for _ in range(times):
                await _send(writer, text.encode())
                await asyncio.sleep(every_s)
        case {"send": text, "times": times}:
            each = max(1, PIECE_BYTES // len(text))
            for done in range(0, times, each):
                await _send(writer, text.encode() * min(each, times - done))
        case {"send": text}:
            await _send(writer, text.replace("{elsewhere}", elsewhere).encode())
        case {"send_hex": digits}:
            await _send(writer, bytes.fromhex(digits))
        case {"send_zeros_gzipped_mb": megabytes}:
            await _send(writer, zeros_gzipped(megabytes))
        case {"sleep_s": seconds}:
            await asyncio.sleep(seconds)
        case {"half_close": True}:
            writer.write_eof()
        case {"reset": True}:
            writer.transport.abort()
        case _:
            raise ValueError(f"a step that nobody knows: {step}")


@cache
def zeros_gzipped(megabytes: int) -> bytes:
    """So many megabytes of zeros, packed once: packing would hold up the loop that the probe runs in."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(MB)) for _ in range(megabytes)) + packer.flush()


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def _read_request(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = next((line.partition(":")[2] for line in head.split("\r\n") if line.startswith("content-length:")), "0")
    await reader.readexactly(int(length))

"""A server that misbehaves on purpose: each script is what it does with one connection, byte by byte."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, dict[str, object]], Awaitable[None]]

STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(value: object) -> bytes:
    """One server-sent event in one chunk."""
    text = value if isinstance(value, str) else json.dumps(value)
    return chunk(b"data: " + text.encode() + b"\n\n")


def named_event(name: str, value: object) -> bytes:
    """One server-sent event with its type, in one chunk."""
    return chunk(f"event: {name}\ndata: {json.dumps(value)}\n\n".encode())


def token(text: str) -> bytes:
    """A content delta."""
    return event({"id": "r1", "choices": [{"index": 0, "delta": {"content": text}}]})


ROLE = event({"id": "r1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
FINISH = event({"id": "r1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
USAGE = event({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3}})
DONE = event("[DONE]")
END = b"0\r\n\r\n"


def plain(status: str, body: bytes, *headers: str) -> bytes:
    """A whole answer with a body."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def sends(*steps: bytes | float, written: list[float] | None = None) -> Script:
    """Send each piece of bytes, sleep for each number, then close in order; *written* gets when each was written."""

    async def run(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _request: dict[str, object]) -> None:
        for step in steps:
            if isinstance(step, bytes):
                if written is not None:
                    written.append(time.monotonic())
                writer.write(step)
                await writer.drain()
            else:
                await asyncio.sleep(step)

    return run


def resets(*steps: bytes | float) -> Script:
    """As `sends`, but the connection is reset instead of closed."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: dict[str, object]) -> None:
        await sends(*steps)(reader, writer, request)
        writer.transport.abort()

    return run


async def hangs(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, _request: dict[str, object]) -> None:
    """Read the request and say nothing."""
    await asyncio.sleep(30)


async def echoes(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: dict[str, object]) -> None:
    """A perfect answer that begins with the prompt's nonce."""
    messages = request["messages"]
    assert isinstance(messages, list)
    nonce = str(messages[0]["content"]).partition("=")[2].partition(".")[0]
    for piece in (STREAM_HEAD, ROLE, token(nonce), token(" good"), token(" words"), FINISH, USAGE, DONE, END):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)


class BadServer:
    """Where it listens, and the requests (JSON bodies) that came."""

    def __init__(self, port: int, scheme: str) -> None:
        self.url = f"{scheme}://127.0.0.1:{port}/v1"
        self.requests: list[dict[str, object]] = []


@asynccontextmanager
async def bad_server(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[BadServer]:
    """Serve *script* on a loopback port for every connection."""
    served: BadServer
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            request = await _read_request(reader)
            served.requests.append(request)
            await script(reader, writer, request)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    served = BadServer(server.sockets[0].getsockname()[1], "https" if tls else "http")
    try:
        yield served
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read_request(reader: asyncio.StreamReader) -> dict[str, object]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    length = int({name.lower(): value for name, value in headers.items()}.get("content-length", "0"))
    body = await reader.readexactly(length) if length else b"{}"
    parsed = json.loads(body)
    assert isinstance(parsed, dict)
    return parsed | {"_headers": headers, "_path": head.split(" ", 2)[1]}

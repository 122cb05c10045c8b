"""
Hands a notice to a service through the package `apprise`, in a process of its own, bounded in number and in time.

Of its own, because a service that hangs can be ended there and a thread cannot; because every connection can be looked
at there; and because nothing that the package logs comes back.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from typing import Any

import orjson

from collector.paging.answer import Answer
from collector.paging.request import Notice
from schemas.destinations import Apprise

AT_ONCE_MAX = 4
CHECK_S = 60.0
_COMMAND = (sys.executable, "-m", "collector.paging.apprise_child")
_KEPT = ("PATH", "PYTHONPATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")  # so: no proxy


async def noticed(notice: Notice, settings: Apprise, *, outside_only: bool, at_once: asyncio.Semaphore) -> Answer:
    """One attempt, bounded by the destination's timeout, the waiting for *at_once* included."""
    errand = _errand(settings) | {
        "title": notice.title,
        "text": notice.text,
        "kind": notice.kind,
        "outside_only": outside_only,
    }
    try:
        async with asyncio.timeout(settings.timeout), at_once:
            said = await _asked(orjson.dumps(errand))
    except TimeoutError:
        return Answer(0, "TimeoutError", accepted=False)
    except OSError as failure:
        return Answer(0, failure.strerror or type(failure).__name__, accepted=False)
    answer = _read(said)
    status = 200 if answer["took"] else 0
    return Answer(status, answer["words"], accepted=answer["took"], hopeless=answer["hopeless"])


def unusable(settings: Apprise) -> str | None:
    """Why nothing can be sent there: no package, or no service of that form; without the URL in it. It waits."""
    done = subprocess.run(
        _COMMAND,
        input=orjson.dumps(_errand(settings)),
        env=_environment(),
        capture_output=True,
        timeout=CHECK_S,
        check=False,
    )
    answer = _read(done.stdout)
    return None if answer["took"] else answer["words"]


async def _asked(errand: bytes) -> bytes:
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *_COMMAND, stdin=pipe, stdout=pipe, stderr=nowhere, env=_environment()
    )
    try:
        said, _ = await process.communicate(errand)
    except BaseException:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    return said


def _errand(settings: Apprise) -> dict[str, Any]:
    return {"url": settings.url.get_secret_value() if settings.url else ""}


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _read(said: bytes) -> dict[str, Any]:
    """The last line of what the process printed; what a service prints comes before."""
    lines = said.splitlines()
    try:
        answer = orjson.loads(lines[-1] if lines else b"")
    except orjson.JSONDecodeError:
        return {"took": False, "hopeless": False, "words": "the process that sends to the service ended early"}
    assert isinstance(answer, dict)
    return answer

"""
The process that uses the package `apprise`: one errand on standard input, one answer on standard output, as JSON.

A hundred services open their connections as they please, so what keeps them outside is an audit hook of Python: it
sees every address before it is connected to, whichever thread does it, and lets no other process be started. What the
package logs holds addresses and keys; here is nobody to read it.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson

from schemas.private_address import why_private

MISSING = "the package apprise is not installed: pip install 'touchstone[apprise]'"
UNKNOWN = "the package apprise knows no service with an URL of this form"
REFUSED = "the service did not take it"
_CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_STARTS = frozenset({"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"})


class Inside(OSError):
    """A service wants to connect into our own house, or to do it by another process."""


class Guard:
    """The hook; *refused* says what it let nobody do, '' while it had no reason to."""

    def __init__(self) -> None:
        self.refused = ""

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Called by Python before each of its audited events; raises Inside."""
        if event in _STARTS:
            self._refuse("another process", "no way to send a page")
        elif event in _CONNECTS and arguments[1] is not None:  # None: on a socket that is connected
            address = arguments[1]
            host = str(address[0]) if isinstance(address, tuple) else ""
            try:
                why = why_private(host)
            except ValueError:
                why = "no address"
            if why is not None:
                self._refuse(host or "a local socket", why)

    def _refuse(self, what: str, why: str) -> None:
        self.refused = f"{what} is {why}: not connected to, unless paging.private_addresses allows it"
        raise Inside(self.refused)


def run(errand: dict[str, Any]) -> dict[str, Any]:
    """The answer to *errand*: `{"took", "hopeless", "words"}`. Without a title it is only asked whether it could be."""
    try:
        import apprise
    except ImportError:
        return _answer(hopeless=True, words=MISSING)
    asset = apprise.AppriseAsset(async_mode=False, secure_logging=True)
    service = apprise.Apprise.instantiate(errand["url"], asset=asset)
    if service is None:
        return _answer(hopeless=True, words=UNKNOWN)
    if "title" not in errand:
        return _answer(took=True)
    guard = Guard()
    if errand["outside_only"]:
        sys.addaudithook(guard)
    try:
        took = bool(service.notify(body=errand["text"], title=errand["title"], notify_type=errand["kind"]))
    except Exception as failure:  # noqa: BLE001 (a hundred services, each with errors of its own)
        return _answer(words=guard.refused or type(failure).__name__)
    return _answer(took=took, words="" if took else guard.refused or REFUSED)


def _answer(*, took: bool = False, hopeless: bool = False, words: str = "") -> dict[str, Any]:
    return {"took": took, "hopeless": hopeless, "words": words}


if __name__ == "__main__":
    logging.disable()
    said = orjson.dumps(run(orjson.loads(sys.stdin.buffer.read())))
    sys.stdout.buffer.write(b"\n" + said + b"\n")

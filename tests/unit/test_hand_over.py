"""One attempt, at real servers: what counts as taken, what is said of a refusal, and where nothing may be sent."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apprise
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from collector.paging.answer import Answer, hidden, said_words
from collector.paging.catalog import DESTINATIONS
from collector.paging.hand_over import Carrier
from collector.paging.outbox import after_answer
from collector.paging.outside import PrivateAddress, outside_socket
from schemas.incident import Change
from schemas.paging import Paging
from tests.support.certificates import server_context
from tests.support.pages import EVIDENCE, NOW, SECRET, delivery, destination_of, every_kind, intent, settings_of
from tests.support.sockets import closed_port

MARK = "pl4nt3d-mark"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
POSTED = [kind for kind in DESTINATIONS if kind != "email"]


@dataclass
class Server:
    """A receiver of pages that answers one way, and counts who connected."""

    base: str
    seen: list[str] = field(default_factory=list)


@asynccontextmanager
async def serving(answer: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server on loopback that does *answer* on every path."""
    server = Server("")

    async def noted(request: web.Request) -> web.StreamResponse:
        server.seen.append(request.path_qs)
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", noted)
    async with TestServer(app, scheme="https" if context else "http", host="127.0.0.1") as made:
        if context is not None:
            await made.close()
        server.base = str(made.make_url("")).rstrip("/")
        yield server


async def handed(kind: str, paging: Paging, change: Change = Change.OPENED) -> Answer:
    """What one attempt came to."""
    wish = intent(change, evidence=EVIDENCE, acknowledged_by="kim")
    async with Carrier(paging) as carrier:
        return await carrier.hand_over(delivery(wish, kind), destination_of(kind, paging), NOW)


def says(status: int, text: str = "", **headers: str) -> Handler:
    """A receiver with one answer."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


async def test_there_is_nothing_to_send_to_who_knows_no_acknowledgement() -> None:
    """It counts as delivered, and nobody was asked."""
    for kind in ("slack", "teams", "discord", "email", "alertmanager", "incidentio", "apprise", "pagerduty_changes"):
        answer = await handed(kind, every_kind("http://127.0.0.1:1"), Change.ACKNOWLEDGED)

        assert answer == Answer(0, "", accepted=True)


@pytest.mark.parametrize(
    ("kind", "status", "text", "error"),
    [
        ("slack", 400, "invalid_blocks", "HTTP 400: invalid_blocks"),
        ("slack", 200, "", "HTTP 200"),
        ("slack", 200, "<html>Please log in</html>", "HTTP 200"),
        ("pagerduty", 400, '{"status":"invalid event","message":"Event object is invalid","errors":["x is missing"]}',
         "HTTP 400: x is missing"),
        ("teams", 401, '{"error":{"code":"DirectApi","message":"not allowed"}}', "HTTP 401: not allowed"),
        ("discord", 404, '{"message":"Unknown Webhook","code":10015}', "HTTP 404: Unknown Webhook"),
        ("alertmanager", 400, '"at least one label pair required"', "HTTP 400: at least one label pair required"),
        ("incidentio", 422, '{"type":"validation_error","errors":[{"message":"title is required"}]}',
         "HTTP 422: title is required"),
        ("webhook", 500, "<h1>Internal Server Error</h1>", "HTTP 500"),
        ("webhook", 500, "[" * 9999, "HTTP 500"),
        ("opsgenie", 422, '{"message":"' + "m" * 900 + '"}', "HTTP 422: " + "m" * 189 + "…"),
    ],
)  # fmt: skip
async def test_a_refusal_says_why_as_far_as_the_service_does(kind: str, status: int, text: str, error: str) -> None:
    """In the words that it has for programs, never a page of HTML."""
    async with serving(says(status, text)) as server:
        answer = await handed(kind, every_kind(server.base))

    assert (answer.accepted, answer.status, answer.error) == (False, status, error)


@pytest.mark.parametrize(
    ("text", "header", "wished"),
    [
        ('{"message": "You are being rate limited.", "retry_after": 0.529, "global": false}', "1", 0.529),
        ("{}", "7", 7.0),
        ('{"retry_after": true}', "7", 7.0),
        ("[1]", "soon", None),
    ],
)
async def test_how_long_to_wait_is_taken_from_the_body_or_the_header(
    text: str, header: str, wished: float | None
) -> None:
    """Discord says it to the millisecond in JSON."""
    async with serving(says(429, text, Retry_After=header)) as server:
        answer = await handed("discord", every_kind(server.base))

    assert answer.retry_after_s == wished


async def test_an_answer_whose_body_never_comes_counts_by_its_status() -> None:
    """Except at Slack, whose success is the body."""

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=200, headers={"Content-Length": "2"})
        await response.prepare(request)
        await asyncio.sleep(2)
        return response

    async with serving(half) as server:
        paging = every_kind(destinations=settings_of(server.base, timeout="300ms"))

        assert (await handed("webhook", paging)).accepted
        assert not (await handed("slack", paging)).accepted


async def test_a_redirect_to_the_metadata_service_is_not_followed() -> None:
    """Nor is any other."""
    async with serving(says(307, Location="http://169.254.169.254/latest/meta-data/")) as server:
        answer = await handed("webhook", every_kind(server.base))

    assert (answer.status, answer.accepted, len(server.seen)) == (307, False, 1)


@pytest.mark.parametrize("kind", DESTINATIONS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001", "[::ffff:127.0.0.1]"])
async def test_no_kind_reaches_loopback_unless_it_is_allowed(kind: str, host: str) -> None:
    """However the address is written: it is the connection that is looked at, and it can be tried again."""
    async with serving(says(204)) as server:
        base = server.base.replace("127.0.0.1", host)
        paging = every_kind(private_addresses=False, destinations=settings_of(base, timeout="10s"))
        answer = await handed(kind, paging)

    assert server.seen == []
    assert (answer.accepted, answer.status) == (False, 0)
    if kind == "apprise" and host[0] == "[":  # an address that the package knows no service at
        return
    assert not answer.hopeless
    assert "is loopback: not connected to, unless paging.private_addresses allows it" in answer.error


@pytest.mark.parametrize("kind", DESTINATIONS)
@pytest.mark.parametrize("host", ["127.1", "2130706433"])
async def test_nor_by_an_address_in_no_usual_form(kind: str, host: str) -> None:
    """Which an HTTP client refuses, and a resolver may know."""
    async with serving(says(204)) as server:
        base = server.base.replace("127.0.0.1", host)
        answer = await handed(kind, every_kind(private_addresses=False, destinations=settings_of(base, timeout="10s")))

    assert server.seen == []
    assert not answer.accepted
    if kind not in {"apprise", "email"}:
        assert (answer.hopeless, answer.error) == (True, "the URL cannot be used")


@pytest.mark.parametrize("kind", ["webhook", "pagerduty", "discord", "apprise"])
async def test_it_is_reached_when_it_is_allowed(kind: str) -> None:
    """So that the test above says something."""
    async with serving(says(204)) as server:
        answer = await handed(kind, every_kind(server.base))

    assert answer.accepted
    assert len(server.seen) == 1


def test_a_public_address_gets_its_socket_and_no_other_does() -> None:
    """Of its family; nothing is connected."""
    with outside_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", 443))) as made:
        assert made.family is socket.AF_INET
    for family, address in [
        (socket.AF_INET, ("169.254.169.254", 80)),
        (socket.AF_INET6, ("64:ff9b::a9fe:a9fe", 80, 0, 0)),
    ]:
        with pytest.raises(PrivateAddress):
            outside_socket((family, socket.SOCK_STREAM, 6, "", address))


WAYS = {
    "a connection": "socket.create_connection(('127.0.0.1', port))",
    "a thread": "threading.Thread(target=socket.create_connection, args=(('127.0.0.1', port),)).start()",
    "a process": "subprocess.run([sys.executable, '-c', 'pass'], check=True)",
    "a datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'page', ('127.0.0.1', port))",
    "a local socket": "socket.socket(socket.AF_UNIX).connect('/nowhere')",
    "a name": "socket.socket().connect(('localhost', port))",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_service_of_apprise_does_not_get_around_the_check(way: str) -> None:
    """By whatever Python offers; the program says what was refused to it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        program = f"""
import socket, subprocess, sys, threading
from collector.paging.apprise_child import Guard
port, guard = {listening.getsockname()[1]}, Guard()
sys.addaudithook(guard)
try:
    {WAYS[way]}
finally:
    [one.join() for one in threading.enumerate() if one is not threading.current_thread()]
    print(guard.refused)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
        listening.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listening.accept()

    assert "not connected to, unless paging.private_addresses allows it" in done.stdout
    assert "Inside" in done.stderr


def commands_of_children() -> str:
    """The command lines of the processes that were started from here and live."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return " ".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in children)


async def test_a_service_of_apprise_that_hangs_is_ended_in_time() -> None:
    """Its process too."""
    hangs, over = {"apprise": {"kind": "apprise", "url": "", "timeout": "3s"}}, asyncio.Event()

    async def never(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    async with serving(never) as server, asyncio.timeout(60):
        hangs["apprise"]["url"] = f"json://{server.base.removeprefix('http://')}/?rto=120"
        answer = await handed("apprise", every_kind(destinations=hangs))
        over.set()

    assert (answer.accepted, answer.hopeless, answer.error) == (False, False, "TimeoutError")
    assert "apprise_child" not in commands_of_children()


async def test_an_unknown_service_of_apprise_is_hopeless_and_is_not_repeated() -> None:
    """As the settings are wrong, and the URL is a secret."""
    settings = {"apprise": {"kind": "apprise", "url": f"nosuchservice://{MARK}"}}
    answer = await handed("apprise", every_kind(destinations=settings))

    assert answer.hopeless
    assert answer.error == "the package apprise knows no service with an URL of this form"


async def test_what_a_service_of_apprise_gets_is_title_and_text() -> None:
    """Here the JSON one."""
    got: list[Any] = []

    async def keep(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response()

    async with serving(keep) as server:
        answer = await handed("apprise", every_kind(server.base))

    assert answer.accepted
    assert got[0]["title"] == "P0 provider acme is down (connect_refused): 3 of 5 clusters down"
    assert "Affected: 2 of 5 watched" in got[0]["message"]
    assert got[0]["type"] == "failure"


async def _reflected(request: web.Request) -> web.Response:
    """A refusal that repeats everything it was sent, as text and as JSON."""
    body = await request.text()
    said = f"{request.path_qs} {dict(request.headers)} {body}"
    told = {"message": said[:3000], "errors": [request.path_qs, request.headers.get("Authorization")]}
    return web.json_response(told, status=400)


async def _hangs(_: web.Request) -> web.Response:
    await asyncio.sleep(2)
    return web.Response()


RECEIVERS: dict[str, Handler | None] = {
    "accepts": says(200, "ok"),
    "refuses, and repeats what it was sent": _reflected,
    "redirects": says(302, "", Location="http://127.0.0.1:1/elsewhere"),
    "hangs": _hangs,
    "nobody listens": None,
    "no certificate that we trust": says(200, "ok"),
}


@pytest.mark.parametrize("receiver", RECEIVERS)
async def test_a_planted_secret_is_found_nowhere(receiver: str, caplog: pytest.LogCaptureFixture) -> None:
    """In no record of any logger at its finest, no answer, no result, no repr; for every kind."""
    caplog.set_level(logging.DEBUG)
    async with AsyncExitStack() as stack:
        handler = RECEIVERS[receiver]
        if handler is None:
            base = f"http://127.0.0.1:{stack.enter_context(closed_port())}"
        elif "certificate" in receiver:
            certificate = trustme.CA().issue_cert("127.0.0.1")
            runner = await _tls_server(handler, server_context(certificate), stack)
            base = f"https://127.0.0.1:{runner}"
        else:
            base = (await stack.enter_async_context(serving(handler))).base
        settings = settings_of(base, MARK, timeout="500ms")
        settings["apprise"]["timeout"] = "15s" if receiver != "hangs" else "1s"  # a process is started
        settings["email"] |= {"security": "tls", "user": "touchstone", "password": MARK}
        if base.startswith("https"):
            settings["apprise"]["url"] = settings["apprise"]["url"].replace("json://", "jsons://")
        paging = every_kind(destinations=settings)
        async with Carrier(paging) as carrier:
            for kind in DESTINATIONS:
                page = delivery(intent(evidence=EVIDENCE), kind)
                answer = await carrier.hand_over(page, destination_of(kind, paging), NOW)
                result = after_answer(page, answer, at=NOW)
                shown = f"{answer!r} {answer.error} {result!r} {page!r} {paging!r} {carrier!r} {vars(carrier)}"

                assert answer.accepted == (receiver == "accepts" and kind != "email"), (kind, answer)
                assert answer.accepted or answer.error, kind
                assert MARK not in shown, (kind, answer)
                assert MARK.replace("-", "+") not in shown, kind
                assert SECRET not in shown, kind
                assert "a-secret-that-signs-links" not in shown

    ours = [record for record in caplog.records if record.name not in {"aiohttp.access", "aiohttp.server"}]
    logged = "\n".join(f"{record.getMessage()} {record.exc_text} {record.args}" for record in ours)
    assert MARK not in logged
    assert MARK.replace("-", "+") not in logged


async def _tls_server(answer: Handler, context: ssl.SSLContext, stack: AsyncExitStack) -> int:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    return int(runner.addresses[0][1])


@pytest.mark.parametrize("kind", ["webhook", "alertmanager"])
async def test_an_authority_of_ones_own_is_trusted_where_it_is_named(kind: str, tmp_path: Any) -> None:
    """And a file that cannot be read is said, and tried again."""
    authority, file = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    async with AsyncExitStack() as stack:
        port = await _tls_server(says(200, "ok"), server_context(authority.issue_cert("127.0.0.1")), stack)
        base = f"https://127.0.0.1:{port}"
        trusted = await handed(kind, every_kind(destinations=_with_authority(kind, base, str(file))))
        absent = await handed(kind, every_kind(destinations=_with_authority(kind, base, str(tmp_path / "none.pem"))))

    assert trusted.accepted
    assert absent.error == f"tls.ca_file {tmp_path}/none.pem: No such file or directory"
    assert not absent.hopeless


def _with_authority(kind: str, base: str, file: str) -> dict[str, Any]:
    return {kind: settings_of(base)[kind] | {"tls": {"ca_file": file}}}


def test_a_secret_is_hidden_whole_and_in_pieces() -> None:
    """An address shows its host only."""
    url = "https://hooks.example/services/T0/B0/abcdefghijkl?sig=mnopqrstuvwx"

    assert hidden(f"cannot post to {url}", [url]) == "cannot post to (hidden)"
    assert hidden("/services/T0/B0/abcdefghijkl", [url]) == "/(hidden)/T0/B0/(hidden)"
    assert hidden("hooks.example refuses mnopqrstuvwx", [url]) == "hooks.example refuses (hidden)"
    assert hidden("no MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", [SECRET]) == "no (hidden)"


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"error": 7}', b"\xff\xfe", b"<p>no</p>", b"NaN"])
def test_a_body_that_says_nothing_adds_no_words(body: bytes) -> None:
    """Whatever it is."""
    assert said_words(body) == ""


def test_the_package_that_tests_rely_on_is_there() -> None:
    """`apprise` is an extra of the product, and no extra of its tests."""
    assert apprise.__version__

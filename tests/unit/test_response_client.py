"""What a page makes of a collector's answers: a collector that ails has answered, one that refuses has not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from collector import response_client
from schemas.errors import DeliveryError

AILS = '{"well": false, "ailments": ["a page has waited 61.0 s long (at most 60)"], "signs": {"lag_s": 0.1}}'


@contextmanager
def answering(status: int, body: str) -> Iterator[str]:
    """The address of a server that always answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is written."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asked(url: str) -> dict[str, object]:
    """What the health of the collector at *url* is taken for."""
    return response_client.ask(url, None, "/api/v1/health", timeout_s=5, taken=(503,))


def test_a_collector_that_ails_has_answered() -> None:
    """503 with what ails it is what was asked for."""
    with answering(503, AILS) as url:
        assert asked(url)["signs"] == {"lag_s": 0.1}
        with pytest.raises(DeliveryError, match="HTTP 503"):
            response_client.ask(url, None, "/api/v1/health", timeout_s=5)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (503, '{"error": {"message": "the store does not answer"}}', "the store does not answer"),
        (401, '{"error": {"message": "no token"}}', "no token"),
        (500, "{}", "HTTP 500"),
        (200, "[1]", "nothing a collector says"),
        (503, "<html>", "nothing a collector says"),
    ],
)
def test_a_refusal_is_one_whatever_its_status(status: int, body: str, words: str) -> None:
    """With what it says."""
    with answering(status, body) as url, pytest.raises(DeliveryError, match=words):
        asked(url)

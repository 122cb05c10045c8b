"""`touchstone prompts`: a commitment before, the set after, and a check that needs no secret."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
import yaml

from probes.prompt_set import border_input_of
from tests.support.compose import ROOT
from tests.support.processes import answer_of, touchstone

CONFIG = str(ROOT / "examples" / "integrity" / "touchstone.yaml")
KEYS = {"TOUCHSTONE_PROMPTS": "a-secret-that-nobody-knows", "ACME_KEY": "k"}
SET = ("--set", "2026-q4", "--prompts", "5")


def prompts(*arguments: str) -> str:
    """What the command prints, which ends well."""
    result = touchstone("-c", CONFIG, "prompts", *arguments, **KEYS)
    assert result.returncode == 0, result.stderr
    assert KEYS["TOUCHSTONE_PROMPTS"] not in result.stdout + result.stderr
    return result.stdout


def test_what_was_committed_to_is_what_is_revealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a hash before, by key and prompts after; the check needs no configuration, and another key does not pass."""
    published = prompts("commitment", *SET).strip()
    revealed = json.loads(prompts("reveal", *SET, "--json"))
    monkeypatch.chdir(tmp_path)  # where there is no configuration
    proof = ("prompts", "check", *SET, "--commitment", published)

    assert revealed["commitment"] == published
    assert len(revealed["prompts"]) == 5
    assert touchstone(*proof, "--key", revealed["key"]).returncode == 0
    assert answer_of(*proof, "--key", "00" * 32, "--json") == {"set": "2026-q4", "prompts": 5, "fits": False}
    assert touchstone(*proof, "--key", "zz").returncode == 2


def test_borders_are_looked_for_with_a_module_of_that_kind() -> None:
    """Usage, in words."""
    result = touchstone("-c", CONFIG, "prompts", "borders", "acme/us-east/chat", "--module", "echo", **KEYS)

    assert result.returncode == 2
    assert "not a border_input module" in result.stderr


class Undecided(BaseHTTPRequestHandler):
    """A model whose one token is another every second time, for every fourth prompt."""

    asked: ClassVar[Counter[str]] = Counter()

    def do_POST(self) -> None:
        """Stream one token."""
        prompt = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][-1]["content"]
        self.asked[prompt] += 1
        on_border = hashlib.sha256(prompt.encode()).digest()[0] % 4 == 0
        word = "yes" if not on_border or self.asked[prompt] % 2 else "no"
        chunk = {"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": "length"}]}
        body = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def undecided() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Undecided) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


def test_borders_are_found_and_no_others(undecided: str, tmp_path: Path) -> None:
    """A candidate whose answers differ lies on one; each is asked three times at most, and less when that is seen."""
    module = {"kind": "border_input", "set": "2026-q4", "inputs": [0]}
    target = {"model": "m", "url": undecided, "modules": ["border"]}
    whole = {
        "version": 1,
        "fleet": "fleet.yaml",
        "modules": {"border": module},
        "integrity": {"secret": "0123456789abcdef"},
    }
    fleet = {"providers": {"acme": {"clusters": {"east": {"targets": {"chat": target}}}}}}
    (tmp_path / "touchstone.yaml").write_text(yaml.safe_dump(whole))
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump(fleet))
    prompts_of_set = {index: border_input_of(b"0123456789abcdef", "2026-q4", index) for index in range(24)}
    expected = [n for n, text in prompts_of_set.items() if hashlib.sha256(text.encode()).digest()[0] % 4 == 0]

    found = answer_of(
        "-c", str(tmp_path / "touchstone.yaml"), "prompts", "borders", "acme/east/chat", "--module", "border",
        "--candidates", "24", "--json",
    )  # fmt: skip

    assert 0 < len(expected) < 24
    assert found == {"inputs": expected, "requests": 2 * len(expected) + 3 * (24 - len(expected)), "failed": 0}


@pytest.mark.parametrize(
    ("knob", "said"),
    [
        ("nobody.gap_ms=1", "write PROVIDER.KNOB=VALUE"),
        ("cinder.honesty=1", "with a knob of"),
        ("cinder.prefix_cache=3", "prefix_cache is a bool"),
        ("cinder.region=mars", "one of us-east"),
    ],
)
def test_a_knob_that_no_simulated_cloud_has_is_refused(knob: str, said: str) -> None:
    """In words, before anything is served."""
    result = touchstone("simulate", "serve", "--base-port", "20000", "--deviate", knob, COLUMNS="200")

    assert result.returncode == 2, result.stdout
    assert said in result.stderr

"""`touchstone heartbeats` as a process: calls come in, the kind `heartbeat` reads them, and our own silence is ours."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from probes.attempt import observe
from probes.contract import Subject
from probes.heartbeat_folder import HeartbeatFolder
from schemas.observation import Observation, Outcome, Reason
from tests.support.processes import touchstone, wait_for
from tests.support.subjects import TICK, bench
from touchstone.address import free_port
from touchstone.config_file import load_configuration
from touchstone.system_clock import SystemClock

KEY, OTHER_KEY = "key-of-the-nightly-check", "key-of-the-node"


class LaterClock(SystemClock):
    """The system's clock, so many seconds ahead."""

    def __init__(self, seconds: float) -> None:
        self._ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        """Later than it is."""
        return super().now() + self._ahead


def written(folder: Path, *targets: dict[str, Any]) -> Path:
    """A configuration whose targets t0, t1, ... have a heartbeat module."""
    settings = {
        "version": 1,
        "fleet": "fleet.yaml",
        "modules": {"beat": {"kind": "heartbeat", "folder": str(folder / "beats"), "every": "5s", "grace": "1s"}},
    }
    common = {"model": "check", "url": "https://cloud.example", "modules": ["beat"]}
    named = {f"t{number}": common | target for number, target in enumerate(targets)}
    fleet = {"providers": {"acme": {"clusters": {"east": {"targets": named}}}}}
    (folder / "touchstone.yaml").write_text(yaml.safe_dump(settings))
    (folder / "fleet.yaml").write_text(yaml.safe_dump(fleet))
    return folder / "touchstone.yaml"


class Receiver:
    """A `touchstone heartbeats` process of two targets."""

    def __init__(self, folder: Path) -> None:
        self.config = written(
            folder, {"auth": {"bearer": KEY}}, {"auth": {"bearer": OTHER_KEY, "header": "X-Heartbeat-Key"}}
        )
        self.folder, self.port = HeartbeatFolder(folder / "beats"), free_port()
        self.begin()

    def begin(self) -> None:
        """Start it, and wait until it listens and says so."""
        command = [sys.executable, "-m", "touchstone", "-c", str(self.config), "heartbeats"]
        self.process = subprocess.Popen([*command, "--listen", f"127.0.0.1:{self.port}"])
        wait_for("the receiver", self._listens)

    def _listens(self) -> bool:
        try:
            return self.call("acme/east/t0", b"", Authorization="wrong") == 401
        except OSError:
            return False

    def call(self, target: str, body: bytes, **headers: str) -> int:
        """The status of one call's answer."""
        url = f"http://127.0.0.1:{self.port}/v1/heartbeats/{target}"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, sent, method="POST"), timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def beat(self, body: bytes = b"") -> int:
        """A good call of t0."""
        return self.call("acme/east/t0", body, Authorization=f"Bearer {KEY}")

    async def seen(self, *, later_s: float = 0.0, target: str = "acme/east/t0") -> Observation:
        """What the kind sees, now or later."""
        configuration = load_configuration(self.config, {})
        place = next(place for place in configuration.fleet.places() if place.id == target)
        async with bench(clock=LaterClock(later_s)) as here:
            return await observe(here, Subject(place, "beat", configuration.settings.modules["beat"]), TICK, 0, 1)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(timeout=10)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """A running receiver."""
    made = Receiver(tmp_path)
    yield made
    if made.process.poll() is None:
        made.end()


async def test_a_call_is_seen_with_what_it_carries_and_replaced_by_the_next(receiver: Receiver) -> None:
    """From nothing, over well and degraded, each as the last call says."""
    waiting = await receiver.seen()
    assert receiver.beat() == 204
    well = await receiver.seen()
    assert receiver.beat(b'{"status": "degraded", "message": "one link down", "figures": {"gbps": 310.5}}') == 204
    degraded = await receiver.seen()

    assert (waiting.outcome, waiting.reason) == (Outcome.NOT_OBSERVED, Reason.OBSERVER_OFFLINE)
    assert (well.outcome, list(well.figures)) == (Outcome.OK, ["age_s"])
    assert 0 <= well.figures["age_s"] < 5
    assert (degraded.outcome, degraded.reason) == (Outcome.DEGRADED, Reason.COMMAND_FAILED)
    assert degraded.detail == "the call says degraded: one link down"
    assert degraded.figures["gbps"] == 310.5


async def test_a_call_that_does_not_come_is_missed_after_its_period_and_its_grace(receiver: Receiver) -> None:
    """Six seconds in all, with the receiver listening all the time; the other target is not confused with it."""
    assert receiver.call("acme/east/t1", b"", X_Heartbeat_Key=OTHER_KEY) == 204
    begun = receiver.folder.watch()
    assert begun is not None
    wait_for("the period to pass", lambda: (SystemClock().now() - begun.since).total_seconds() > 6.2)
    assert receiver.beat() == 204
    missed, well = await receiver.seen(target="acme/east/t1"), await receiver.seen()

    assert (missed.outcome, missed.reason) == (Outcome.FAILED, Reason.HEARTBEAT_MISSED), missed.detail
    assert missed.figures["age_s"] > 6
    assert well.outcome is Outcome.OK


async def test_while_the_receiver_is_gone_nobody_is_charged(receiver: Receiver) -> None:
    """Killed, then looked at eleven seconds later; a restart counts anew."""
    assert receiver.beat() == 204
    receiver.end(signal.SIGKILL)
    gone = await receiver.seen(later_s=11)
    receiver.begin()
    back = await receiver.seen()

    assert (gone.outcome, gone.reason) == (Outcome.NOT_OBSERVED, Reason.OBSERVER_ERROR)
    assert gone.detail.startswith("the heartbeat receiver was last alive 1")
    assert back.reason is not Reason.HEARTBEAT_MISSED


def test_only_the_target_s_own_key_in_its_own_header_is_taken(receiver: Receiver) -> None:
    """Everything else is 401 and leaves nothing; so does what is no call, with its own status."""
    refused = [
        receiver.call("acme/east/t0", b""),
        receiver.call("acme/east/t0", b"", Authorization=KEY),
        receiver.call("acme/east/t0", b"", Authorization=f"Bearer {OTHER_KEY}"),
        receiver.call("acme/east/t1", b"", Authorization=f"Bearer {OTHER_KEY}"),
        receiver.call("acme/east/none", b"", Authorization=f"Bearer {KEY}"),
        receiver.call("../../t0", b"", Authorization=f"Bearer {KEY}"),
    ]

    assert [status for status in refused if status not in {401, 404}] == []
    assert receiver.beat(b"{") == receiver.beat(b'{"figures": {"a": "b"}}') == 400
    assert receiver.beat(b'{"message": "%s"}' % (b"x" * 20_000)) == 413
    assert receiver.folder.beat("acme/east/t0") is None
    assert receiver.folder.beat("acme/east/t1") is None


def test_what_cannot_be_recorded_is_not_acknowledged(receiver: Receiver, tmp_path: Path) -> None:
    """A file stands where the calls' folder should be."""
    (tmp_path / "beats" / "calls").write_text("in the way")

    assert receiver.beat() == 503


def test_it_ends_in_order(receiver: Receiver) -> None:
    """On SIGTERM."""
    assert receiver.end() == 0


def test_a_target_without_a_key_and_a_fleet_without_heartbeats_are_refused_at_start(tmp_path: Path) -> None:
    """Exit 2, with the target's name; nobody could tell who calls."""
    keyless = touchstone("-c", str(written(tmp_path, {}, {"auth": {"bearer": KEY}})), "heartbeats")
    (tmp_path / "touchstone.yaml").write_text(
        yaml.safe_dump({"version": 1, "fleet": "fleet.yaml", "modules": {"beat": {"kind": "tcp_connect"}}})
    )
    none = touchstone("-c", str(tmp_path / "touchstone.yaml"), "heartbeats")

    assert keyless.returncode == none.returncode == 2
    assert "to know the calls of acme/east/t0" in keyless.stderr and "t1" not in keyless.stderr
    assert "no target of the fleet has a module of kind heartbeat" in none.stderr

"""heartbeat: what the receiver's files mean, and when silence is the other side's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from probes.attempt import observe
from probes.heartbeat_folder import Beat, Call, HeartbeatFolder, Watch
from probes.kinds.heartbeat import HeartbeatModule, judged
from schemas.observation import Outcome, Reason
from tests.support.subjects import TICK, bench, subject_of

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MODULE = HeartbeatModule(kind="heartbeat")  # every minute, with 30 s of grace
OK, DEGRADED, FAILED, NOT_OBSERVED = Outcome.OK, Outcome.DEGRADED, Outcome.FAILED, Outcome.NOT_OBSERVED


def ago(seconds: float) -> datetime:
    """An instant before now."""
    return NOW - timedelta(seconds=seconds)


def watch(since: float, alive: float = 1) -> Watch:
    """A receiver that has listened since so many seconds ago."""
    return Watch(since=ago(since), alive=ago(alive))


def beat(age: float, **said: object) -> Beat:
    """A call so many seconds ago."""
    return Beat.model_validate({"received_at": ago(age)} | said)


CASES: dict[str, tuple[Watch | None, Beat | None, Outcome, Reason | None]] = {
    "a call in time": (watch(1000), beat(50), OK, None),
    "a call within the grace": (watch(1000), beat(90), OK, None),
    "a call that is too old": (watch(1000), beat(91), FAILED, Reason.HEARTBEAT_MISSED),
    "no call ever": (watch(1000), None, FAILED, Reason.HEARTBEAT_MISSED),
    "no call yet": (watch(90), None, NOT_OBSERVED, Reason.OBSERVER_OFFLINE),
    "an old call that a break may have covered": (watch(30), beat(500), NOT_OBSERVED, Reason.OBSERVER_OFFLINE),
    "a call in time to a receiver that has just begun": (watch(5), beat(3), OK, None),
    "a call in time, and a receiver that is gone": (watch(1000, 11), beat(50), NOT_OBSERVED, Reason.OBSERVER_ERROR),
    "no receiver ever": (None, None, NOT_OBSERVED, Reason.OBSERVER_ERROR),
    "a call from the future": (watch(1000), beat(-60), NOT_OBSERVED, Reason.OBSERVER_ERROR),
    "a call that says degraded": (watch(1000), beat(5, status="degraded"), DEGRADED, Reason.COMMAND_FAILED),
    "a call that says failed": (watch(1000), beat(5, status="failed"), FAILED, Reason.COMMAND_FAILED),
    "an old call that said failed": (watch(1000), beat(500, status="failed"), FAILED, Reason.HEARTBEAT_MISSED),
}


@pytest.mark.parametrize("name", CASES)
def test_silence_is_the_other_sides_only_while_somebody_listened(name: str) -> None:
    """Our own deafness is never charged."""
    listening, last, outcome, reason = CASES[name]
    found = judged(listening, last, NOW, MODULE)

    assert (found.outcome, found.reason) == (outcome, reason), found.detail


def test_the_age_and_what_the_call_carried_are_figures() -> None:
    """The age is ours, whatever the call says; of a call that is too old only the age is left."""
    said = {"figures": {"gbps": 310, "age_s": 0}, "status": "degraded", "message": "one link down"}
    recent, old = (
        judged(watch(1000), beat(20, **said), NOW, MODULE),
        judged(watch(1000), beat(200, **said), NOW, MODULE),
    )

    assert (dict(recent.figures), recent.detail) == (
        {"gbps": 310, "age_s": 20},
        "the call says degraded: one link down",
    )
    assert dict(old.figures) == {"age_s": 200}
    assert old.detail == "no call for 200 s; one every 60 s is due, with 30 s of grace"
    assert dict(judged(watch(1000), None, NOW, MODULE).figures) == {}


def test_a_watch_goes_on_over_a_moment_and_begins_anew_after_a_break() -> None:
    """A quick restart is no break; a stopped process or a step of the clock is."""
    kept = watch(1000, alive=0)

    assert kept.at(NOW + timedelta(seconds=9)).since == ago(1000)
    assert kept.at(NOW + timedelta(seconds=11)).since == NOW + timedelta(seconds=11)
    assert kept.at(ago(1)).since == ago(1)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"not JSON",
        b'{"status": "excellent"}',
        b'{"figures": {"a": "1"}}',
        b'{"figures": {"a": NaN}}',
        b'{"figures": {"a": 1e300}}',
        b'{"figures": {"": 1}}',
        b'{"figures": {%s}}' % b",".join(b'"f%d": 1' % number for number in range(61)),
        b'{"message": "%s"}' % (b"x" * 301),
        b'{"more": 1}',
    ],
)
def test_a_call_that_no_row_could_hold_is_refused(body: bytes) -> None:
    """With nothing of it kept."""
    with pytest.raises(ValidationError):
        Call.model_validate_json(body)


async def test_files_that_cannot_be_read_are_our_own_fault(tmp_path: Path) -> None:
    """None at all, garbage, and a folder in a file's place."""
    subject = subject_of("heartbeat", "https://cloud.example", folder=str(tmp_path))
    folder = HeartbeatFolder(tmp_path)
    async with bench() as here:
        nothing = await observe(here, subject, TICK, 0, 1)
        folder.keep_watch(Watch(since=ago(0), alive=here.clock.now()))
        (tmp_path / "calls" / "acme" / "east").mkdir(parents=True)
        (tmp_path / "calls" / "acme" / "east" / "it.json").write_text("{")
        garbage = await observe(here, subject, TICK, 0, 1)
        (tmp_path / "receiver.json").unlink()
        (tmp_path / "receiver.json").mkdir()
        wrong = await observe(here, subject, TICK, 0, 1)

    for seen in (nothing, garbage, wrong):
        assert (seen.outcome, seen.reason) == (NOT_OBSERVED, Reason.OBSERVER_ERROR)
    assert "no heartbeat receiver has ever listened" in nothing.detail
    assert "it.json is no beat" in garbage.detail
    assert "receiver.json" in wrong.detail

"""When timings are not trusted: by the loop's lateness at the moment that matters."""

from __future__ import annotations

import asyncio

import pytest

from probes.loop_lag import LagMonitor
from probes.phases import Phases
from probes.trust import UNLIMITED, TrustLimits, distrust
from schemas.observation import Distrust
from touchstone.system_clock import SystemClock

LIMITS = TrustLimits(lag_s=0.25, clock_step_s=0.01, streams=500)


class HandClock(SystemClock):
    """A clock that stands still until it is moved."""

    at = 100.0

    def monotonic(self) -> float:
        """The hand's place."""
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Over at once, having lasted *seconds* and as much more as the loop is late: here half a second at 101."""
        self.at += seconds + (0.5 if 101.0 <= self.at < 101.02 else 0.0)
        await asyncio.sleep(0)


def test_only_our_own_lateness_makes_a_merged_first_token_doubtful() -> None:
    """Read in time, it was the server that sent it with others; somebody who looks himself has no limits."""

    def why(merged_late_s: float, limits: TrustLimits = LIMITS) -> Distrust | None:
        return distrust(limits, lag_s=0.2, clock_step_s=0.0, streams_open=1, merged_late_s=merged_late_s)

    assert [why(late_s) for late_s in (0.0, 0.01, 0.011)] == [None, None, Distrust.MERGED_FIRST_TOKEN]
    assert why(0.2, UNLIMITED) is None


async def test_how_late_the_loop_was_is_known_for_every_instant() -> None:
    """Half a second late once: an instant in it is late since the beat was due, one before or after it is not."""
    clock = HandClock()
    lag = LagMonitor(clock)
    watching = asyncio.create_task(lag.run())
    while clock.at < 103.0:  # noqa: ASYNC110 (the watch tells nobody)
        await asyncio.sleep(0)
    watching.cancel()

    assert lag.worst_since(100.0) == pytest.approx(0.5)
    assert lag.late_at(101.3) == pytest.approx(0.28, abs=0.021)
    assert (lag.late_at(100.5), lag.late_at(102.5)) == (pytest.approx(0.0, abs=1e-6), pytest.approx(0.0, abs=1e-6))
    clock.at += 1.0
    assert lag.late_at(clock.at) == pytest.approx(1.0, abs=0.021)  # the beat that is due has not been run yet


def read_at(*instants: float) -> Phases:
    """A request whose reads were made and stamped at *instants*."""
    phases = Phases(SystemClock())
    phases.journal.user.extend(instants)
    phases.stamps = list(instants)
    return phases


def test_a_first_token_is_merged_when_what_followed_has_its_stamp() -> None:
    """The next token, or the end; later ones may share a stamp of their own."""
    phases = read_at(1.0, 2.0, 3.0)

    assert phases.merged_first((2.0, 2.0, 3.0), 3.0) == 2.0
    assert phases.merged_first((2.0,), 2.0) == 2.0
    assert phases.merged_first((2.0,), 3.0) is None
    assert phases.merged_first((2.0, 3.0, 3.0), 3.0) is None
    assert phases.merged_first((), 3.0) is None

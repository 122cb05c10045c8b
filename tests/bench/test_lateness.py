"""Requests against the grid on which they were due."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.measure.agent_trial import INTERVAL_S, write_configuration
from bench.measure.lateness import Trial, Window, due_in, lateness_on_grid_ms, trial_of
from probes.schedule import grid_of, phase_ms
from schemas.clock import Clock
from touchstone.config_file import load_configuration
from touchstone.system_clock import SystemClock

INTERVAL_MS = INTERVAL_S * 1000
KEYS = [f"bench/here/t{number}|bench" for number in range(50)]


def test_a_request_is_late_by_its_distance_from_the_tick_before_it() -> None:
    """To the millisecond, whatever the phase."""
    key = KEYS[0]
    tick_ms = 1_000_000 * INTERVAL_MS + phase_ms(key, INTERVAL_MS)
    window = Window(tick_ms - 1, tick_ms + 1)

    assert lateness_on_grid_ms([("/t0", tick_ms + 12.5)], {"/t0": key}, window, INTERVAL_MS) == [12.5]


def test_a_request_whose_tick_lies_outside_the_window_does_not_count() -> None:
    """Neither from before it nor from after it."""
    key = KEYS[0]
    tick_ms = 1_000_000 * INTERVAL_MS + phase_ms(key, INTERVAL_MS)

    for window in (Window(tick_ms + 1, tick_ms + 100), Window(tick_ms - 100, tick_ms)):
        assert lateness_on_grid_ms([("/t0", tick_ms + 5)], {"/t0": key}, window, INTERVAL_MS) == []


def test_what_is_due_is_what_the_agents_own_grid_says() -> None:
    """Counted from the same ticks that the agent asks at."""
    clock: Clock = SystemClock()
    now = clock.now().replace(microsecond=0)
    start_ms = now.timestamp() * 1000
    window = Window(start_ms, start_ms + 2.5 * INTERVAL_MS)
    before, end = now.timestamp() - 0.001, now.timestamp() + 2.5 * INTERVAL_S - 0.001
    moments = [type(now).fromtimestamp(at, now.tzinfo) for at in (before, end)]
    ticks = [tick for key in KEYS for tick in grid_of(key, INTERVAL_S).between(*moments)]

    assert len(ticks) == due_in(window, KEYS, INTERVAL_MS)


@pytest.mark.parametrize(
    ("late_ms", "due", "good"),
    [
        ([1.0] * 99 + [60.0], 100, True),
        ([1.0] * 98 + [60.0] * 2, 100, False),
        ([1.0] * 98, 100, False),
        ([], 100, False),
    ],
)
def test_a_core_holds_so_many_when_the_99th_percentile_is_in_time_and_hardly_one_is_left_out(
    late_ms: list[float], due: int, good: bool
) -> None:
    """One in a hundred may be later than 50 ms, and one may be missing."""
    assert good == trial_of(2000, late_ms, due, 0.5).good


def test_the_agents_configuration_is_a_valid_one_of_so_many_subjects(tmp_path: Path) -> None:
    """With the same paths and keys as the lateness is computed from."""
    key_of = write_configuration(tmp_path, "http://127.0.0.1:1", "chat_stream", 3)

    assert {"/t0/chat/completions", "/t1/chat/completions", "/t2/chat/completions"} == set(key_of)
    assert key_of["/t2/chat/completions"] == "bench/here/t2|bench"
    assert json.loads((tmp_path / "fleet.yaml").read_text())
    configuration = load_configuration(tmp_path / "touchstone.yaml", {})
    assert len(list(configuration.fleet.places())) == 3


def test_a_trial_says_its_medians() -> None:
    """And the share asked."""
    assert Trial(60, 1.0, 3.0, 0.75, 0.2) == trial_of(60, [3.0, 1.0, 1.0], 4, 0.2)

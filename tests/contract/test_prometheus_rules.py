"""The exported rules in Debian's promtool: valid, always the same bytes, on and off in the same minute as ours."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from collector.exports.prometheus_rules import METRIC, prometheus_rules
from collector.judgement.burn_rate import FIRING, BurnVerdict, holds
from schemas.objectives import Alarm, BurnPair, BurnPolicy, Objective
from tests.support.burn_series import Series

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None and "CI" not in os.environ,
    reason="promtool (Debian's prometheus) is not installed",
)
MINUTES = 10 * 60
DAY = 1440
UP = Objective(name="up", objective=0.999)
SHORT = BurnPolicy(
    pairs=(
        BurnPair(alarm=Alarm.PAGE, spent=0.02, long=3600.0, short=300.0),
        BurnPair(alarm=Alarm.TICKET, spent=0.1, long=28_800.0, short=3600.0),
    ),
    bad_min=5,
    confidence=0.95,
)
OBJECTIVES = (
    UP,
    Objective(name="loose", objective=0.99),
    Objective(name="looser", objective=0.95, providers=("acme",)),
    Objective(name="fast", objective=0.995, ttft=2.0),
    Objective(name="week", objective=0.999, window=7 * 86400.0, burn=SHORT),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Minutes in which something fails, and those in which nothing is asked; one request a minute."""

    failed: frozenset[int]
    silent: frozenset[int] = frozenset()
    minutes: int = MINUTES

    def series(self) -> Series:
        """The events, each half a minute before the sample that counts it."""
        asked = [minute for minute in range(self.minutes) if minute not in self.silent]
        return Series.of([minute * 60 + 30.0 for minute in asked], [minute in self.failed for minute in asked])

    def counter(self, bad: bool) -> str:
        """The values of the counter of good or of bad ones at each minute; the first sample is before everything."""
        value, values = 0, ["0"]
        for minute in range(self.minutes):
            value += minute not in self.silent and (minute in self.failed) is bad
            values.append(str(value))
        return " ".join(values)


SHAPES = {
    "a total outage of 20 minutes": Shape(frozenset(range(400, 420))),
    "a total outage of an hour": Shape(frozenset(range(400, 460))),
    "one in five fails for three hours": Shape(frozenset(range(380, 560, 5))),
    "one in fifty fails": Shape(frozenset(range(100, 600, 50))),
    "two blips": Shape(frozenset({401, 407})),
    "three blips within the hour": Shape(frozenset({401, 407, 444})),
    "four blips within six hours": Shape(frozenset({150, 260, 370, 480})),
    "an outage into silence": Shape(frozenset(range(400, 410)), frozenset(range(410, 450))),
    "silence in the middle of an outage": Shape(frozenset(range(400, 430)), frozenset(range(406, 416))),
    "two outages": Shape(frozenset((*range(390, 396), *range(450, 456)))),
    "nothing fails": Shape(frozenset()),
}


def promtool(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`promtool ARGUMENTS` in *folder*."""
    return subprocess.run(
        ["promtool", *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


def fired(
    shapes: dict[str, Shape], objectives: Sequence[Objective], alarm: Alarm, folder: Path
) -> dict[tuple[str, str], list[int]]:
    """
    The minutes at which the exported alerts fire, by objective and shape; each shape is a target of its own.

    promtool only compares with what is expected: it is told of no alert, and its complaints say which there were.
    """
    (folder / "rules.yaml").write_text(prometheus_rules(objectives).replace("interval: 5m", "interval: 1m"))
    minutes = max(shape.minutes for shape in shapes.values())
    series = [
        {"series": f"{METRIC}{{{_labels(objective, name, result)}}}", "values": shape.counter(bad)}
        for objective in objectives
        for name, shape in shapes.items()
        for result, bad in (("good", False), ("bad", True))
    ]
    names = {f"Touchstone{'Error' if one.ttft is None else 'Latency'}Budget{alarm.capitalize()}" for one in objectives}
    checks = [{"eval_time": f"{minute}m", "alertname": name} for name in sorted(names) for minute in range(minutes + 1)]
    test = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        # Else by chance; what the group of pages has recorded is not recorded again for tickets.
        "group_eval_order": [f"touchstone-objectives-{alarm}" for alarm in Alarm],
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": checks}],
    }
    (folder / "test.yaml").write_text(json.dumps(test))
    answer = promtool("test", "rules", "test.yaml", folder=folder)
    found: dict[tuple[str, str], list[int]] = {
        (objective.name, name): [] for objective in objectives for name in shapes
    }
    for minute, objective, name in _complaints(answer.stdout + answer.stderr):
        found[objective, name].append(minute)
    return found


def _labels(objective: Objective, shape: str, result: str) -> str:
    said = {"objective": objective.name, "provider": "acme", "cluster": "acme/east", "target": shape, "result": result}
    return ", ".join(f'touchstone_{name}="{value}"' for name, value in said.items())


def _complaints(said: str) -> Iterator[tuple[int, str, str]]:
    """Minute, objective and shape of each alert: `alertname: X, time: 6h43m, ... got:[ ... Labels:{...} ... ]`."""
    for block in said.split("alertname: ")[1:]:
        minute = _in_minutes(re.search(r"time: (\S+?),", block)[1])  # type: ignore[index]
        for labels in re.findall(r"Labels:\{(.*?)\}", block.partition("got:")[2]):
            pairs = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            yield minute, pairs["touchstone_objective"], pairs["touchstone_target"]


def _in_minutes(text: str) -> int:
    units = {"d": 1440, "h": 60, "m": 1, "s": 0}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([dhms])", text))


def ours(shape: Shape, objective: Objective, alarm: Alarm) -> list[int]:
    """The minutes at which a pair for *alarm* holds."""
    series, pairs = shape.series(), objective.burn.of(alarm)
    return [
        minute
        for minute in range(shape.minutes + 1)
        if any(holds(objective, pair, series.tally(objective, minute * 60.0)) for pair in pairs)
    ]


@needs_promtool
@pytest.mark.slow
def test_pages_fire_and_stop_at_the_same_minute(tmp_path: Path) -> None:
    """Every minute of every shape and objective: what promtool says and what ours holds."""
    found = fired(SHAPES, OBJECTIVES, Alarm.PAGE, tmp_path)

    assert found == {
        (objective.name, name): ours(shape, objective, Alarm.PAGE)
        for objective in OBJECTIVES
        for name, shape in SHAPES.items()
    }
    assert all(found[objective.name, "a total outage of an hour"] for objective in OBJECTIVES)
    assert (
        not found["up", "nothing fails"] and not found["up", "two blips"] and found["up", "three blips within the hour"]
    )


@needs_promtool
@pytest.mark.slow
def test_tickets_fire_and_stop_at_the_same_minute(tmp_path: Path) -> None:
    """With Wilson's bound, over two days."""
    shapes = {
        "a thin bleed": Shape(frozenset(range(0, 2 * DAY, 400)), minutes=2 * DAY),
        "an outage": Shape(frozenset(range(1500, 1530)), minutes=2 * DAY),
    }
    found = fired(shapes, (UP,), Alarm.TICKET, tmp_path)

    assert found == {(UP.name, name): ours(shape, UP, Alarm.TICKET) for name, shape in shapes.items()}
    assert found["up", "an outage"]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
@pytest.mark.parametrize("name", SHAPES)
def test_a_reading_pages_first_when_a_pair_holds_first(name: str, objective: Objective) -> None:
    """So the first page is in the same minute, too; its end comes by evidence, and never later than by the pairs."""
    shape = SHAPES[name]
    series, firing = shape.series(), ours(shape, objective, Alarm.PAGE)
    verdicts = [series.readings(objective, minute * 60.0)[0].verdict for minute in range(shape.minutes + 1)]
    paged = [minute for minute, verdict in enumerate(verdicts) if verdict in FIRING]

    assert paged[:1] == firing[:1]
    assert set(paged) <= set(firing)
    assert all(verdict is not BurnVerdict.TICKET for verdict in verdicts)


@needs_promtool
def test_rules_are_valid_and_always_the_same(tmp_path: Path) -> None:
    """Of all objectives together; `promtool check rules` counts them."""
    rules = prometheus_rules(OBJECTIVES)
    (tmp_path / "rules.yaml").write_text(rules)
    answer = promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yaml", folder=tmp_path)

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"SUCCESS: {rules.count('- record:') + rules.count('- alert:')} rules found" in answer.stdout
    assert rules == prometheus_rules(OBJECTIVES)
    assert rules.count("- alert:") == 2 * len(OBJECTIVES)


def test_a_limit_that_nothing_exceeds_is_said_and_left_out() -> None:
    """At 90 % the first pair would need 144 % of all requests to fail."""
    rules = prometheus_rules((Objective(name="low", objective=0.9), Objective(name="none", objective=0.0)))

    assert "# low: the limit of 1h is 144 % bad: nothing exceeds it." in rules
    assert rules.count("- alert:") == 2  # the second pair and the tickets of `low`


def test_three_bad_ones_are_in_every_alert() -> None:
    """Whatever the policy says they are."""
    rules = prometheus_rules(OBJECTIVES)

    assert rules.count(">= 3") == 4 * 4
    assert rules.count(">= 5") == 2


def no_lines_too_long(lines: Sequence[str]) -> bool:
    """Comments are read in a terminal."""
    return all(len(line) <= 120 for line in lines if line.startswith("#"))


def test_what_differs_stands_in_the_file() -> None:
    """Clearing, missing data, increase(), one page for one cause."""
    head = prometheus_rules((UP,)).partition("groups:")[0]

    assert all(word in head for word in ("Clearing", "Missing data", "increase()", "One cause"))
    assert no_lines_too_long(head.splitlines())

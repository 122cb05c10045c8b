"""What was played becomes rows with aims, documented figures and a plot."""

from __future__ import annotations

from io import StringIO
from xml.etree import ElementTree

import pytest
from rich.console import Console

from bench.chart import Panel, log_chart
from bench.page.arrival import Arrival, Said, What
from bench.page.cases import BY_NAME, CASES
from bench.page.figures import NAMES, Played, details_of, panels_of, rows_of, sides_of
from bench.page.house import BACKUP, OURS, OURS_OF_THREE
from bench.page.outage import Outage
from bench.page.peer_side import BRISK, DEFAULT, TUNED
from bench.page.rows import Heard
from bench.page.show import rows_table, sides_table
from bench.page.trial import Told, told
from tests.support.compose import ROOT

SVG = "{http://www.w3.org/2000/svg}"


def arrival(at_s: float, subject: str, what: What = What.OPENED, side: str = OURS, *, taken: bool = True) -> Arrival:
    """A message."""
    return Arrival(at_s, side, "main", Said(subject, what), taken)


def outages() -> dict[str, Told]:
    """Two outages as each side told them; the defaults never told of one."""
    return {
        OURS: Told(2, {"main-0": 3.0, "main-1": 4.0}, {"main-0": 12.0, "main-1": 13.0}, 0, 0),
        TUNED: Told(2, {"main-0": 5.0, "main-1": 6.0}, {"main-0": 180.0, "main-1": 190.0}, 0, 0),
        DEFAULT: Told(2, {"main-0": 35.0}, {"main-0": 200.0}, 0, 0),
    }


def played() -> Played:
    """With one case."""
    case = BY_NAME["429-once"]
    page = [arrival(at_s, name, taken=at_s > 5) for name in case.names() for at_s in (4.0, 5.5)]
    theirs = [arrival(4.0, name, side=TUNED, taken=False) for name in case.names()]
    heard = {OURS: Heard(case.names(), page, 0.0), TUNED: Heard(case.names(), theirs, 0.0)}
    return Played(CASES, outages(), {"429-once": heard})


def test_told_counts_from_the_scripted_instant() -> None:
    """The first page after the fault, the first closing after the recovery; attempts that failed are none."""
    found = told(
        {"main-0": Outage(100, 200), "main-1": Outage(150, 260)},
        [
            arrival(103, "main-0", taken=False), arrival(104, "main-0"), arrival(106, "main-0"),
            arrival(211, "main-0", What.CLOSED), arrival(155, "main-1"),
        ],
    )  # fmt: skip

    assert found == Told(2, {"main-0": 4.0, "main-1": 5.0}, {"main-0": 11.0}, 0, 0)


def test_what_was_not_so_is_counted() -> None:
    """An end told of what is down, and a message about what was not, or not yet."""
    found = told(
        {"main-0": Outage(100, 200)},
        [
            arrival(99, "main-0"), arrival(150, "main-0", What.CLOSED), arrival(150, "observer"),
            arrival(210, "main-0", What.CLOSED),
        ],
    )  # fmt: skip

    assert (found.false_resolves, found.others) == (1, 2)
    assert (dict(found.page_s), dict(found.resolve_s)) == ({}, {"main-0": 10.0})


def test_figures_stand_beside_the_tuned_alertmanager_and_beside_the_defaults() -> None:
    """Medians, with the spread of ours."""
    rows = rows_of(played())
    median, beside = rows["page_median_s"].figure, rows["page_median_s_beside_defaults"].figure

    assert (median.ours, median.peer, median.peer_name, median.low, median.high) == (3.5, 5.5, NAMES[TUNED], 3.0, 4.0)
    assert (beside.ours, beside.peer, beside.peer_name) == (3.5, 35.0, NAMES[DEFAULT])
    assert rows["page_p90_s"].figure.ours == 4.0
    assert "page_median_s_three_vantages" not in rows
    assert (rows["resolve_median_s"].figure.ours, rows["resolve_median_s"].figure.peer) == (12.5, 185.0)


def test_three_vantages_have_a_row_and_an_aim_of_their_own() -> None:
    """Beside the same Alertmanager."""
    whole = played()
    whole.outages = {**outages(), OURS_OF_THREE: Told(2, {"main-0": 2.0, "main-1": 2.6}, {}, 0, 0)}
    row = rows_of(whole)["page_median_s_three_vantages"]

    assert (row.figure.ours, row.figure.peer, row.aim, row.reached) == (2.3, 5.5, "<= 2.5", True)


def test_an_aim_is_missed_when_a_page_is_missing() -> None:
    """However quick the others were."""
    whole = played()
    assert rows_of(whole)["page_median_s"].reached
    whole.outages = {**outages(), OURS: Told(2, {"main-0": 3.0}, {"main-0": 12.0}, 0, 0)}
    row = rows_of(whole)["page_median_s"]

    assert (row.reached, row.missing) == (False, (1, 0))


def test_a_case_is_measured_for_both_sides_by_the_same_rule() -> None:
    """What the peer never delivered has no figure."""
    rows = rows_of(played())
    row = rows["gauntlet_429_once_s"]

    assert (row.figure.ours, row.figure.peer, row.figure.n, row.reached, row.missing) == (1.5, None, 4, True, (0, 4))
    assert details_of(played())["gauntlet_429_once_s"][NAMES[TUNED]] == {"values": [], "missing": 4}


def test_a_case_that_was_not_played_is_null_and_not_reached() -> None:
    """Never guessed."""
    row = rows_of(played())["gauntlet_503_s"]

    assert (row.figure.ours, row.figure.n, row.reached) == (None, 0, False)


def test_every_figure_is_documented_with_its_aim() -> None:
    """And every row has its own name."""
    text = (ROOT / "docs" / "benches.md").read_text()
    names = [rule.name for case in CASES for rule in case.rows]

    assert len(set(names)) == len(names)
    for name, row in rows_of(played()).items():
        line = next(line for line in text.splitlines() if line.startswith("|") and f"`{name}`" in line)
        assert row.aim in line.replace("≤", "<=").replace("≥", ">="), name


def test_the_tables_fit_a_terminal_of_a_hundred_columns() -> None:
    """Each figure by its whole name, each aim beside it."""
    console = Console(width=100, record=True, file=StringIO())
    whole = played()
    console.print(sides_table(sides_of(whole)), rows_table(rows_of(whole)))
    text = console.export_text()

    for name in rows_of(whole):
        assert name in text
    assert "<= 4" in text and "-0/-4" in text and NAMES[DEFAULT] in text


def test_the_plot_shows_how_many_outages_each_side_had_told_of() -> None:
    """In percent of all, so that a side that told of half ends at 50; a round number of seconds at each tick."""
    page, resolve = panels_of(played())
    drawing = ElementTree.fromstring(log_chart([page, resolve]))
    words = [text.text for text in drawing.iter(f"{SVG}text")]

    assert page.series[NAMES[OURS]] == [(3.0, 50.0), (4.0, 100.0)]
    assert page.series[NAMES[DEFAULT]] == [(35.0, 50.0)]
    assert len(list(drawing.iter(f"{SVG}polyline"))) == 6
    assert {"5", "20", "200", "0", "25", "50", "75", "100"} <= set(words)


def test_a_linear_axis_is_linear() -> None:
    """50 is drawn halfway between 0 and 100."""
    panel = Panel("t", "x", "y", {"a": [(1, 1e-9), (2, 50.0), (3, 100.0)]}, y_linear=True)
    drawing = ElementTree.fromstring(log_chart([panel]))
    low, middle, high = (float(dot.attrib["cy"]) for dot in drawing.iter(f"{SVG}circle"))

    assert low - middle == pytest.approx(middle - high, abs=0.2)


@pytest.mark.parametrize("side", [OURS, OURS_OF_THREE, TUNED, DEFAULT, BRISK])
def test_every_side_has_a_name(side: str) -> None:
    """The second receiver is no side of its own."""
    assert NAMES[side]
    assert BACKUP not in NAMES

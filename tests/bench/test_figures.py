"""Runs become figures, a results file and a plot."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from bench.chart import Panel, log_chart
from bench.measure.collected import Collected, agreement_of, figures_of, panels_of, readers_of
from bench.measure.lateness import Trial
from bench.measure.plan import FULL, QUICK, cpu_s_per_1000, cpu_tokens
from bench.measure.show import headline, readers_tables
from bench.measure.stamps import Errors
from bench.results import Figure, figures_table, write_results
from tests.support.compose import ROOT


def errors(ttft_ms: float, error_ms: float) -> Errors:
    """A run in which everything was off by *error_ms*."""
    return Errors(
        ttft_ms=[ttft_ms], ttft_error_ms=[error_ms], itl_error_ms=[error_ms], stamp_error_ms=[error_ms],
        first_stamp_error_ms=[error_ms], compared=1,
    )  # fmt: skip


def collected() -> Collected:
    """Three runs of ours, one each of two peers and of the C reader."""
    whole = Collected(peers={"slow", "quick"})
    whole.errors["ours", 200] = [errors(201, 1), errors(203, 3), errors(202, 2)]
    whole.errors["C reader", 200] = [errors(200, 0.01)]
    whole.errors["slow", 200] = [errors(190, 90)]
    whole.errors["quick", 200] = [errors(212, 40)]
    whole.cpu_s["ours", 200] = [0.02]
    whole.cpu_s["quick", 200] = [0.04]
    return whole


def test_a_figure_is_the_median_of_our_runs_beside_the_best_peer_and_the_limit() -> None:
    """With the spread of ours."""
    figure = figures_of(collected())["ttft_error_p99_ms_200"]

    assert Figure(2.0, "ms", peer=40.0, peer_name="quick", limit=0.01, n=3, low=1.0, high=3.0) == figure


def test_the_best_peer_of_a_ttft_is_the_one_nearest_to_the_true_200_ms() -> None:
    """Not the one that says the least: 190 is nearer to 200 than 212."""
    figure = figures_of(collected())["burst_ttft_p50_ms_200"]

    assert (figure.peer_name, figure.peer) == ("slow", 190.0)


def test_a_peer_agrees_within_5_percent_or_1_ms_of_streams_opened_one_after_the_other() -> None:
    """Only those: with many at once a tool measures its own queue."""
    whole = collected()
    whole.errors["ours", 1] = [errors(200, 0)]
    whole.errors["slow", 1] = [errors(211, 11)]
    whole.errors["quick", 1] = [errors(209, 9)]

    agreed = {name: one["agrees"] for name, one in agreement_of(whole).items()}

    assert agreed == {"slow": False, "quick": True}
    assert agreement_of(collected()) == {}


def test_without_a_peer_the_figure_says_so() -> None:
    """Null, never a guess."""
    whole = collected()
    whole.peers.clear()
    figure = figures_of(whole)["itl_error_p99_ms_200"]

    assert (figure.peer, figure.peer_name) == (None, None)


def test_the_figures_have_the_names_of_the_documentation() -> None:
    """Of a full run, from what each suite collects."""
    whole = collected()
    for streams in FULL.streams:
        whole.errors["ours", streams] = [errors(201, 1)]
    whole.cpu_s["ours", 500] = [0.02]
    whole.trials["ours", "http_request"] = [Trial(2000, 1.0, 9.0, 1.0, 0.2)]
    whole.searches["ours", "http_request"] = [(Trial(2000, 1.0, 9.0, 1.0, 0.2), Trial(4000, 1.0, 99.0, 1.0, 0.9))]
    whole.searches["blackbox_exporter", "http_request"] = [(Trial(9000, 1.0, 9.0, 1.0, 0.2),)]
    figures = figures_of(whole)
    documented = (ROOT / "docs" / "benches.md").read_text()

    for name in (
        "ttft_error_p99_ms_200", "itl_error_p99_ms_500", "burst_ttft_p50_ms_500", "cpu_s_per_1000_tokens",
        "cpu_s_per_1000_tokens_500", "targets_per_core", "lateness_p99_ms",
    ):  # fmt: skip
        assert name in figures
        assert f"`{name}`" in documented
    assert (figures["targets_per_core"].ours, figures["targets_per_core"].peer) == (2000.0, 9000.0)


def test_the_results_file_has_the_agreed_shape(tmp_path: Path) -> None:
    """And a quick run can be told from a full one."""
    path = write_results(
        "measure", machine={"cores": 2}, versions={"ours": "1"}, figures=figures_of(collected()),
        run={"quick": True}, folder=tmp_path,
    )  # fmt: skip
    whole = json.loads(path.read_text())

    assert tmp_path / "measure.json" == path
    assert {"machine", "versions", "figures", "run"} == set(whole)
    for figure in whole["figures"].values():
        assert {"ours", "peer", "peer_name", "limit", "unit", "n", "low", "high"} == set(figure)
    assert whole["run"]["quick"]


def test_the_tables_fit_a_terminal_of_eighty_columns() -> None:
    """Each figure and each client by its whole name."""
    console = Console(width=80, record=True, file=StringIO())
    whole = collected()
    console.print(*readers_tables(readers_of(whole)), figures_table("Figures", headline(figures_of(whole))))
    text = console.export_text()

    for words in ("C reader", "quick", "ttft_error_p99_ms_200", "burst_ttft_p99_ms_200", "cpu_s_per_1000_tokens"):
        assert words in text


def test_the_plot_has_a_curve_for_each_client() -> None:
    """Well-formed; a value of zero has no place on a logarithmic axis and is left out."""
    whole = collected()
    whole.errors["ours", 500] = [errors(200, 0.0)]
    drawing = ElementTree.fromstring(log_chart(panels_of(whole)))
    curves = drawing.findall(".//{http://www.w3.org/2000/svg}polyline")
    names = [text.text for text in drawing.findall("{http://www.w3.org/2000/svg}text")]

    assert len(curves) == 8
    assert names == ["ours", "C reader", "slow", "quick"]


def test_a_larger_error_is_drawn_higher() -> None:
    """An SVG's y grows downwards."""
    drawing = ElementTree.fromstring(log_chart([Panel("t", "x", "y", {"a": [(1, 0.01), (10, 100.0)]})]))
    low, high = [float(dot.attrib["cy"]) for dot in drawing.iter("{http://www.w3.org/2000/svg}circle")]

    assert high < low


def test_the_cost_of_a_token_leaves_out_what_both_runs_share() -> None:
    """Start, requests and report: 12 s of floor vanish."""
    assert cpu_s_per_1000(12.0 + 0.98, 12.0, requests=200, tokens=100) == pytest.approx(0.05)


def test_a_quick_run_is_small() -> None:
    """One number of streams, one repeat, no search, no peer's CPU."""
    assert (len(QUICK.streams), QUICK.repeats, QUICK.refinements, QUICK.cpu_peers) == (1, 1, None, False)
    assert tuple(cpu_tokens(streams, FULL.cpu_tokens_total) for streams in (50, 200, 1000)) == (1000, 500, 100)

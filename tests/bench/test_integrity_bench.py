"""The bench of the integrity checks: its arithmetic, its seeds, its models, and that it counts what it says."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.integrity import audits, trials_change, trials_hardware, trials_identity, trials_logprobs, trials_place
from bench.integrity.catalog import absent, trials
from bench.integrity.intervals import at_most, clopper_pearson
from bench.integrity.outcome import Delay, Share, delays, false_suspects, null_table, powers, whole_months
from bench.integrity.texts import model
from bench.integrity.trial import Trials
from bench.integrity.work import Amount, Done, Piece, done, pieces
from collector.judgement.integrity.identity import CAUGHT
from schemas.evidence import Evidence, Family, Grade, Standing

OWN = tuple(
    one
    for subject in (trials_change, trials_hardware, trials_identity, trials_logprobs, trials_place)
    for one in subject.TRIALS
)
TINY = Amount(months=3, liars=2, liars_of_a_figure=4, delays=1, chunk=2)


def accused(family: Family, *, days: int = 0) -> Evidence:
    """A contradiction of class A, seen on so many days from two vantages."""
    return Evidence(
        check="x", family=family, grade=Grade.CONTRADICTION, subject="p", claim="", standing=Standing.CONTRADICTED,
        reason="", said="", days=days, vantages=2,
    )  # fmt: skip


def test_bounds_of_a_share_are_the_known_ones() -> None:
    """None of 1000 gives 0.37 %; 5 of 10 gives 18.7 and 81.3 %."""
    assert clopper_pearson(0, 1000) == (0.0, pytest.approx(0.003682, abs=1e-6))
    assert clopper_pearson(5, 10) == (pytest.approx(0.1871, abs=1e-4), pytest.approx(0.8129, abs=1e-4))
    assert clopper_pearson(10, 10) == (pytest.approx(0.6915, abs=1e-4), 1.0)


@given(st.integers(1, 60), st.data())
def test_bounds_hold_their_confidence(n: int, data: st.DataObject) -> None:
    """Each side leaves 2.5 %, by the binomial itself."""
    k = data.draw(st.integers(0, n))
    low, high = clopper_pearson(k, n)

    assert low <= k / n <= high
    assert k == 0 or 1 - at_most(k - 1, n, low) == pytest.approx(0.025, abs=1e-6)
    assert k == n or at_most(k, n, high) == pytest.approx(0.025, abs=1e-6)


def test_work_is_cut_into_pieces_whose_seeds_differ() -> None:
    """All months, all liars, more of them for a figure."""
    figure = ("identity", "dilution", 100.0, 50)
    some = list(pieces(TINY, {figure: TINY.liars_of_a_figure}))

    assert len(set(some)) == len(some)
    of_figure = [one for one in some if (one.check, one.world, one.size, one.requests) == figure]
    assert [(one.n, one.seed) for one in of_figure] == [(2, 0), (2, 1)]
    months = [one.n for one in some if (one.check, one.world, one.size) == ("place", "plain", None)]
    assert months == [2, 1]


def test_a_piece_is_the_same_from_the_same_seed_and_another_from_another() -> None:
    """So a run can be made again."""
    first, again, other = (done(Piece("identity", "plain", 1, seed)).evidence[0].e for seed in (0, 0, 1))

    assert first == again != other


@pytest.mark.parametrize("one", OWN, ids=lambda one: one.check)
def test_an_honest_month_of_the_first_world_is_not_contradicted(one: Trials) -> None:
    """Plain honesty."""
    assert one.honest[0].name == "plain"
    assert one.honest[0].month(np.random.default_rng(1)).standing is Standing.NOT_REJECTED


@pytest.mark.parametrize(("subject", "one"), [(one.check, one) for one in OWN])
def test_the_largest_lie_is_found_after_the_most_requests(subject: str, one: Trials) -> None:
    """And, where a day makes sense, on a day."""
    for lie in one.lies:
        size = (
            min(lie.sizes) if subject == "place" else max(lie.sizes)
        )  # the sooner the first token, the larger the lie
        assert lie.found(np.random.default_rng(2), size, max(lie.requests))
        assert lie.days is None or (lie.days(np.random.default_rng(2), size) or 99) <= 60


def test_the_null_table_the_powers_and_the_days_are_counted() -> None:
    """From pieces that came in any order."""
    place = Piece("place", "plain", 2, 0)
    honest = done(place).evidence
    lie = Piece("identity", "dilution", 2, 0, 30.0, 250)
    some = [
        Done(lie, found=(True, False)), Done(place, evidence=honest), Done(lie, found=(True, True)),
        Done(Piece("identity", "dilution", 4, 0, 30.0), days=(9, None, 3, 5)),
    ]  # fmt: skip

    (world,) = null_table(some)
    assert (world.contradicted, world.noticed, world.insufficient) == (Share(0, 2), 0, 0)
    (power,) = powers(some)
    assert (power.found, power.usd) == (Share(3, 4), pytest.approx(250 * 125 * 0.9 / 1e6))
    (delay,) = delays(some)
    assert (delay.days, delay.missed) == ((3, 5, 9), 1)
    assert [delay.quantile(share) for share in (0.25, 0.5, 0.75, 1.0)] == [3.0, 5.0, 9.0, None]
    assert Delay("c", "l", "%", 1.0, (), 3).quantile(0.5) is None


def test_a_false_suspect_would_be_counted() -> None:
    """One replicated contradiction among two months; an unreplicated one is none."""
    assert false_suspects([[accused(Family.GEO, days=2)], [accused(Family.GEO, days=1)]]) == Share(1, 2)


def test_whole_months_take_one_world_of_every_check() -> None:
    """The first of each, or one by chance; as many as the least of them has."""
    a, b, c = (accused(family) for family in (Family.GEO, Family.HARDWARE, Family.BILLING))
    months = {("x", "plain"): [a] * 30, ("x", "benign"): [b] * 30, ("y", "plain"): [c] * 20}

    assert whole_months(months, mixed=False) == [[a, c]] * 20
    mixed = whole_months(months, mixed=True)
    assert {one[0].family for one in mixed} == {Family.GEO, Family.HARDWARE} and len(mixed) == 20
    assert whole_months({}, mixed=True) == []


def test_simulated_models_are_relatives_as_far_apart_as_asked() -> None:
    """The same seed gives the same model; no divergence gives the very same shares."""
    claimed, twin, other = model(1, 3), model(2, 3, of=1, divergence=0.0), model(2, 3, of=1)

    assert np.allclose(claimed.following, twin.following)
    assert not np.allclose(claimed.following, other.following)
    said = claimed.answers(np.random.default_rng(1), np.array([0, 1, 2, 2]))
    assert len(said) == 4 and all(len(text) > 50 for text in said)


def test_every_module_of_trials_is_there_or_reported_as_absent() -> None:
    """None is guessed."""
    assert {one.check for one in OWN} <= {one.check for one in trials()}
    assert not {"identity", "place", "hardware", "change", "logprobs"} & set(absent())


def test_recorded_audits_are_read_from_their_archive(tmp_path: Path) -> None:
    """Without an archive, or without a test of ours, there is a reason and no figure."""
    archive = tmp_path / "audit-data.zip"
    assert audits.p_values(archive) == "no audit-data.zip"
    rows = {"cache_hit": [{"client_time": 0.1}] * 3, "cache_miss": [{"client_time": 0.2}] * 3}
    with ZipFile(archive, "w") as zipped:
        zipped.writestr(
            "audit-data/a.json", json.dumps({**rows, "stats": {"client_time": {"ks_2samp": {"pvalue": 0.05}}}})
        )
    found = audits.p_values(archive)

    assert found == "no Kolmogorov-Smirnov test of ours" or found == {"audit-data/a.json": (pytest.approx(0.05), 0.05)}


def test_what_identity_says_that_it_would_have_caught_was_measured() -> None:
    """The power beside each verdict is at most what the bench found, of the same lie after as many requests."""
    document = json.loads((Path(__file__).parents[2] / "bench" / "results" / "integrity.json").read_text())
    rows = [row for row in document["run"]["power"] if (row["check"], row["lie"]) == ("identity", "dilution")]
    found = {(row["requests"], row["size"]): row["found"]["k"] / row["found"]["n"] for row in rows}

    for requests, share, words, power in CAUGHT:
        assert power <= found[requests, share] < power + 0.05, words

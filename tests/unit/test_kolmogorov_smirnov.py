"""Our Kolmogorov-Smirnov test is scipy's, and gives the recorded audits the p-values that were published with them."""

from __future__ import annotations

import json
import zipfile
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from collector.judgement.integrity.cache_timing import ALPHA
from collector.judgement.integrity.kolmogorov_smirnov import smaller
from collector.judgement.integrity.rank_sequence import rank_sequence
from tests.support.compose import ROOT

AUDITS = ROOT.parent / "shared" / "data" / "audit-data.zip"
VALUES = st.lists(st.integers(0, 12), min_size=1, max_size=40)


def audits() -> list[tuple[Path, dict[str, list[dict[str, float]]], float]]:
    """Each recorded audit with the p-value that is stored in it."""
    assert AUDITS.exists(), f"the recorded audits are not where they should be: {AUDITS}"
    found = []
    with zipfile.ZipFile(AUDITS) as archive:
        for name in sorted(one for one in archive.namelist() if one.endswith(".json")):
            audit = json.loads(archive.read(name))
            arms = {arm: audit[f"cache_{arm}"] for arm in ("hit", "miss")}
            found.append((Path(name), arms, audit["stats"]["client_time"]["ks_2samp"]["pvalue"]))
    return found


def test_the_recorded_audits_get_their_published_verdicts() -> None:
    """62 audits: 29 below 1e-8, 31 at or above .01, two between; each p as stored and as scipy's, to ten digits."""
    found = []
    for name, arms, stored in audits():
        hit, miss = ([row["client_time"] for row in arms[arm]] for arm in ("hit", "miss"))
        p = smaller(hit, miss).p
        assert p == pytest.approx(stored, rel=1e-10), name
        assert p == pytest.approx(float(ks_2samp(hit, miss, alternative="greater").pvalue), rel=1e-10), name
        found.append(p)
    assert (len(found), sum(p < 1e-8 for p in found), sum(p >= 0.01 for p in found)) == (62, 29, 31)


def test_most_recorded_caches_need_fewer_requests() -> None:
    """Looked at after every ten requests, 25 of the 29 are found at 1e-6 before the end, and none above .01 is."""
    early, late, wrong = 0, 0, 0
    for _, arms, stored in audits():
        rows = sorted(
            (row["sent_timestamp"], row["client_time"], arm == "hit") for arm, of in arms.items() for row in of
        )
        crossed = rank_sequence([ms for _, ms, _ in rows], [hit for _, _, hit in rows], alpha=ALPHA).crossed
        early += stored < 1e-8 and crossed is not None and crossed < len(rows)
        late += stored < 1e-8 and crossed is None
        wrong += stored >= 0.01 and crossed is not None
    assert (early, late, wrong) == (25, 4, 0)


@given(VALUES, VALUES)
def test_small_samples_with_ties_are_scipys(first: list[int], second: list[int]) -> None:
    """Statistic and p, of equal sizes and unequal ones."""
    ours = smaller(first, second)
    theirs = ks_2samp(first, second, alternative="greater", method="exact")
    assert ours.exact
    assert ours.d == pytest.approx(float(theirs.statistic), abs=1e-12)
    assert ours.p == pytest.approx(float(theirs.pvalue), rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(10_001, 10_001), (900, 700), (10_001, 30)])
def test_large_samples_are_approximated_as_scipy_does(n: int, m: int) -> None:
    """Where the count of paths is beyond a float, or a sample above 10,000."""
    chance = np.random.default_rng(n + m)
    first, second = chance.normal(size=n).tolist(), chance.normal(0.05, size=m).tolist()
    ours = smaller(first, second)
    assert not ours.exact
    assert ours.p == pytest.approx(float(ks_2samp(first, second, alternative="greater", method="asymp").pvalue))


@pytest.mark.parametrize(("n", "m"), [(3, 3), (4, 3), (2, 5), (5, 2)])
def test_the_p_value_is_the_share_of_orders_that_are_as_far_apart(n: int, m: int) -> None:
    """By brute force over every order."""
    ranks = range(n + m)
    excesses = [smaller(list(order[:n]), list(order[n:])).d for order in permutations(ranks)]
    for d in sorted(set(excesses)):
        share = sum(one >= d - 1e-12 for one in excesses) / len(excesses)
        example = next(order for order, one in zip(permutations(ranks), excesses, strict=True) if one == d)
        assert smaller(list(example[:n]), list(example[n:])).p == pytest.approx(share)


def test_an_empty_sample_is_our_mistake() -> None:
    """Callers ask for enough first."""
    with pytest.raises(ValueError, match="each sample needs a value"):
        smaller([], [1.0])

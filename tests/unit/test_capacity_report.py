"""The report of a fleet: what is not held is left out, what is not read is unknown, and how all of it is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from collector.exports.capacity import as_csv, plain
from collector.judgement.capacity import words
from collector.judgement.capacity.facts import NOW_WITHIN, CapacityFacts, PageFacts, Spread
from collector.judgement.capacity.holdings import Holding, Holdings, Reservation, reservations
from collector.judgement.capacity.report import CapacityReport, report
from collector.judgement.facts import Block
from collector.storage.capacity_queries import LOOKS_AT_ONCE, in_groups
from dashboard import capacity_markup
from tests.support.contracts import contract, terms
from tests.support.engine_pages import AT, days, page

START = AT - timedelta(days=14)
HELD = Holdings(
    {
        "acme/dark": Holding(claimed=16),
        "acme/east": Holding(claimed=16, pages={"acme/east/chat": "m", "acme/east/dcgm": "m"}),
        "bolt/east": Holding(pages={"bolt/east/chat": "m"}),
    },
    {"acme": (Reservation(date(2026, 1, 1), 32), Reservation(date(2026, 12, 1), None))},
)
PAGES = {
    "acme/east/chat": page(days=days([0.6 + 0.01 * day for day in range(14)])),
    "acme/east/dcgm": PageFacts(
        target="acme/east/dcgm", looks=1000, read=999, gpu_looks=999, newest={"gpus": 8.0, "gpu_util_share": 0.5},
        read_at=AT - timedelta(seconds=5),
    ),
    "bolt/east/chat": page("bolt/east/chat", load=Spread(1000, 60.0, 70.0)),
    "gone/east/chat": page("gone/east/chat"),
}  # fmt: skip
LIMITED = (Block("acme/east", START, n_ok=990, n_failed=10, n_not_observed=100),)


def found(**pages: PageFacts) -> CapacityReport:
    """The report of HELD, with some pages as they are given here (`acme_east_chat`)."""
    changed = {name.replace("_", "/"): one for name, one in pages.items()}
    facts = CapacityFacts(PAGES | changed, {"acme/east": LIMITED}, {})
    return report(HELD, facts, START, AT, confidence=0.95)


def test_every_cluster_that_is_held_is_there_and_no_other() -> None:
    """One without a page, too; an exporter's page is no engine."""
    dark, east, bolt = found().clusters

    assert [one.cluster for one in found().clusters] == ["acme/dark", "acme/east", "bolt/east"]
    assert [engine.page.target for engine in east.engines] == ["acme/east/chat"]
    assert (dark.engines, dark.failover.share, dark.gpus.delivered) == ((), None, None)
    assert [(one.lost, one.share) for one in (east.failover, bolt.failover)] == [
        ("acme/east", pytest.approx(120 / 150)),  # 190 seats less 70
        ("bolt/east", pytest.approx(40 / 70)),
    ]


def test_the_ledger_of_a_provider_counts_clusters_that_are_read() -> None:
    """Both pages of one cluster together, with what the exporter's does not tell; reserved by the contract in force."""
    acme, bolt = found().providers

    assert (acme.reserved, acme.gpus.claimed, acme.gpus.delivered, acme.measured, acme.clusters) == (32, 32, 16, 1, 2)
    assert (acme.gpus.healthy_low, acme.gpus.healthy_high) == (None, 16)
    assert (acme.gpus.in_use_low, acme.gpus.in_use_high) == (12, 16)
    assert (bolt.reserved, bolt.gpus.claimed, bolt.gpus.healthy_low) == (None, None, 8)


def test_a_page_that_cannot_be_read_now_takes_nothing_and_tells_no_gpus() -> None:
    """Its spreads stand; of now nothing is known, however good it was."""
    old = replace(PAGES["acme/east/chat"], read_at=AT - NOW_WITHIN - timedelta(seconds=1))
    _, east, bolt = found(acme_east_chat=old).clusters

    assert east.gpus.delivered is None and east.engines[0].now == {}
    assert east.engines[0].page.kv.p95 == 0.75
    assert (bolt.failover.placed, bolt.failover.share, bolt.failover.unknown_hosts) == (0.0, 0.0, 1)
    assert east.failover.share == pytest.approx(120 / 150)


def test_a_page_that_was_never_read_is_an_engine_of_which_nothing_is_known() -> None:
    """All its looks are unknown, and so is where its load would go."""
    (engine,) = found(acme_east_chat=PageFacts(target="acme/east/chat", looks=50)).clusters[1].engines

    assert engine.page.unknown_share == 1.0
    assert words.room(engine.headroom) == words.full_in(engine.saturation) == "unknown"
    assert (words.seats(engine.headroom), words.sign(engine.page.kv.p95)) == ("no page was read", "?")


def test_refusals_are_bounded_by_what_is_unknown() -> None:
    """100 of 1100 were not observed: at most all of them were refused."""
    refused = found().clusters[1].rate_limited
    assert refused is not None

    assert (refused.share, refused.n, refused.unknown) == (pytest.approx(0.01), 1000, 100)
    assert refused.low < 10 / 1100 and refused.high > 110 / 1100
    assert found().clusters[0].rate_limited is None


def test_a_report_is_said_in_words() -> None:
    """With the sign for those who see no colour, the range, and what it stands on."""
    _, east, _ = found().clusters
    (engine,) = east.engines

    assert f"{words.sign(engine.page.kv.p95)} {words.spread(engine.page.kv, is_share=True)}" == "◆ 60 to 75 %"
    assert words.spread(Spread(99, 12.4, None)) == "12 to ?"
    assert [say(engine.headroom) for say in (words.room, words.seats, words.bound, words.looks)] == [
        "8 to 40",
        "of 190",
        "by cache",
        "n 1\u202f000",
    ]
    assert [say(engine.saturation) for say in (words.full_in, words.not_before, words.days)] == [
        "in 21 d",
        "not before 20 d",
        "n 14 days",
    ]
    assert words.slope(engine.saturation) == "+1.00 (+1.00 to +1.00) points a day"
    assert words.refused(east.rate_limited).startswith("1.00 % (0.")
    assert (words.delivered(east.gpus), words.healthy(east.gpus)) == ("16 of 16", "unknown, at most 16")
    assert (words.in_use(east.gpus), words.finds_place(east.failover)) == ("12 to 16", "✗ 80 %")


def test_what_is_not_known_is_null_in_json_and_empty_in_csv() -> None:
    """Never zero; names that a spreadsheet would run are harmless."""
    document = plain(found())
    hostile = Holdings({"=cmd()/east": Holding(pages={"=cmd()/east/chat": "@m"})})
    written = as_csv(report(hostile, CapacityFacts({}, {}, {}), START, AT, confidence=0.95))
    dark = document["clusters"][0]

    assert (dark["gpus"]["delivered"], dark["gpus"]["claimed"], dark["no_capacity"]["share"]) == (None, 16, None)
    assert document["clusters"][1]["engines"][0]["now"]["running"] == 120.0
    assert ",'=cmd()/east," in written and ",'@m," in written
    assert as_csv(report(Holdings({}), CapacityFacts({}, {}, {}), START, AT, confidence=0.95)) == ""


def test_names_are_text_on_the_page() -> None:
    """HTML in a name shows as it is; the summary names the failure that hurts most."""
    hostile = Holdings({"<b>x</b>/east": Holding(pages={"<b>x</b>/east/chat": "<i>m</i>"})})
    made = report(hostile, CapacityFacts({}, {}, {}), START, AT, confidence=0.95)
    drawn = capacity_markup.clusters(made.clusters) + capacity_markup.gpus(made.providers, made.clusters)

    assert "<b>x</b>" not in drawn and "&lt;b&gt;x&lt;/b&gt;/east" in drawn and "<i>m</i>" not in drawn
    assert "If provider bolt dies, 57 % of its load finds a place." in capacity_markup.summary(found())
    assert "Nobody can say" in capacity_markup.summary(made)


@pytest.mark.parametrize(
    ("looks", "groups"),
    [
        ([], []),
        ([1], [1]),
        ([LOOKS_AT_ONCE, 1], [1, 1]),
        ([1, LOOKS_AT_ONCE - 1, LOOKS_AT_ONCE + 1, 2, 3], [2, 1, 2]),
    ],
)
def test_targets_are_read_a_few_at_a_time(looks: list[int], groups: list[int]) -> None:
    """Each once, in order, no group larger than the bound unless one target alone is."""
    names = [f"a/b/{number}" for number in range(len(looks))]
    found = list(in_groups(zip(names, looks, strict=True)))

    assert [len(group) for group in found] == groups
    assert [name for group in found for name in group] == names


@pytest.mark.parametrize(
    ("day", "gpus"),
    [
        (date(2025, 12, 31), None),
        (date(2026, 1, 1), 64),
        (date(2026, 5, 31), 64),
        (date(2026, 6, 1), None),  # a version without a commit
        (date(2026, 7, 1), None),  # a gap between two versions
        (date(2026, 8, 1), 128),
    ],
)
def test_reserved_is_what_the_contract_in_force_commits(day: date, gpus: int | None) -> None:
    """On each day of versions with and without, and of gaps."""
    commit: dict[str, Any] = {"gpu_hour": 2, "months": 6}
    held = contract(
        terms(begins="2026-01-01", ends="2026-06-01", commit=commit | {"gpus": 64}),
        terms(begins="2026-06-01", ends="2026-07-01"),
        terms(begins="2026-08-01", commit=commit | {"gpus": 128}),
    )
    version = held.in_force(day)

    assert Holdings({}, {"acme": reservations(held)}).reserved("acme", day) == gpus
    assert gpus == (version.commit.gpus if version is not None and version.commit is not None else None)

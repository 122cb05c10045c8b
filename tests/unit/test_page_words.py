"""What the newer pages say, from values alone: freshness, health, method and deliveries; nothing from outside runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import delivery_kinds
from collector.judgement import wording
from collector.judgement.integrity.findings import Examination
from collector.monitor_signs import State, age
from collector.storage.delivery_queries import DeliveryRow, DestinationLine
from collector.storage.queries import Freshness
from collector.storage.records import NotedConfiguration
from dashboard import delivery_markup, frame, integrity_markup, method_markup, monitor_markup
from dashboard.pages import CATALOGUE, Pages
from dashboard.views import method
from schemas.config import Module, TierPolicy
from schemas.probe_kinds import ASKS, SERVING
from tests.support.claims import HOSTILE, suspected

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age_s", "look", "words", "banner"),
    [
        (None, "unknown", "nothing was observed yet", False),
        (4, "good", "newest 4 s old, 7 in the last minute", False),
        (180, "good", "newest 180 s old", False),
        (181, "severe", "stale: the newest observation is 3 m 1 s old", True),
        (-3, "good", "newest 0 s old", False),
    ],
)
def test_facts_are_stale_after_three_intervals(age_s: float | None, look: str, words: str, banner: bool) -> None:
    """Not on the line, but beyond it; a clock that is ahead of ours is no age."""
    newest = None if age_s is None else NOW - timedelta(seconds=age_s)
    fresh = Freshness(NOW, newest, newest, 7)

    assert frame.freshness(fresh, 180.0)[0] == look and words in frame.freshness(fresh, 180.0)[1]
    assert ("Nothing new for" in frame.banner(fresh, 180.0)) is banner


def test_a_page_that_is_not_in_the_catalogue_is_said_to_be_unknown() -> None:
    """A slip in a view is found by the test that walks it; addresses are told apart."""
    with pytest.raises(AttributeError, match="no page is called 'provder'"):
        Pages.__new__(Pages).__getattr__("provder")
    assert len({entry.name for entry in CATALOGUE}) == len(CATALOGUE)


def test_what_never_happened_is_unknown_and_what_is_old_is_late() -> None:
    """Grey is neither."""
    assert age("x", None, NOW, 60, "a minute").state is State.UNKNOWN
    assert age("x", NOW - timedelta(seconds=60), NOW, 60, "a minute").state is State.WELL
    assert age("x", NOW - timedelta(seconds=61), NOW, 60, "a minute").state is State.LATE
    tile = monitor_markup.signs([age(HOSTILE, None, NOW, 60, HOSTILE)])
    assert "<img" not in tile and "? unknown" in tile


@pytest.mark.parametrize(
    ("n", "said"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1_500_000, "1.4 MiB"), (2**50, "1048576.0 GiB")],
)
def test_sizes_are_said_in_the_largest_unit_that_they_fill(n: int, said: str) -> None:
    """Never as 0.0 of one."""
    assert wording.size(n) == said


def test_every_kind_says_what_it_asks() -> None:
    """The page of the method leaves none out."""
    assert set(ASKS) == set(SERVING)


@given(n=st.integers(1, 10**6), confidence=st.floats(0.51, 0.999))
def test_what_clean_probes_prove_is_the_bound_at_which_none_fails_by_chance(n: int, confidence: float) -> None:
    """At that availability, n probes without a failure have probability one minus the confidence."""
    assert method_markup.proven(n, confidence) ** n == pytest.approx(1 - confidence, rel=1e-6)


def test_the_numbers_of_the_method_are_those_that_are_judged_by() -> None:
    """Another policy, another page."""
    policy = TierPolicy.model_validate(
        {"gold": {"availability_lower": "99.77%", "ttft_p95": "1234ms"}, "suspect": {"truncated_share": "3.21%"}}
    )
    html = method_markup.tiers(policy)
    assert "99.77 %" in html and "1.2 s" in html and "3.21 %" in html
    html = method_markup.modules({HOSTILE: Module(kind="chat_stream", interval=90.0)}, policy.confidence)
    assert "1 m 30 s" in html and "960" in html and "at least 99.688 %" in html and "<img" not in html


def test_the_method_says_whether_everybody_goes_by_the_same_configuration() -> None:
    """The same, another, or unknown: never silently."""
    assert "unknown" in method.configuration_words("a", None)
    assert "the same" in method.configuration_words("a", NotedConfiguration("a", NOW, "1"))
    assert "▲ another: b" in method.configuration_words("a", NotedConfiguration("b", NOW, "1"))
    assert "no verdict was given yet" in method.policy_words(TierPolicy(), ())


def delivery(**given: object) -> DeliveryRow:
    """One that was delivered five seconds after its decision."""
    plain: dict[str, object] = {
        "incident": "inc-000000000001", "seq": 1, "destination": HOSTILE, "severity": "P0", "change": "opened",
        "scope": HOSTILE, "signal": "hard_down", "kind": "delivered", "state": "delivered", "attempts": 2,
        "status": 202, "error": HOSTILE, "instead_of": HOSTILE, "decided_at": NOW,
        "first_attempt_at": NOW + timedelta(seconds=1), "last_attempt_at": NOW + timedelta(seconds=5), "late_s": None,
    }  # fmt: skip
    return DeliveryRow(**plain | given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({}, "✓ delivered"),
        ({"kind": "late", "late_s": 61.0}, "✓ delivered, late"),
        ({"kind": "dead", "state": "dead"}, "✗ dead"),
        ({"kind": "waiting", "state": "pending"}, "~ not yet: it is tried again"),
    ],
)
def test_a_delivery_says_what_became_of_it(given_: dict[str, object], words: str) -> None:
    """In words beside the colour; nothing of a receiver's answer is an element."""
    one = delivery(**given_)
    html = delivery_markup.deliveries([one])

    assert one.kind in delivery_kinds.KINDS
    assert words in html and "<img" not in html
    assert ("5 s" in html) is (one.state == "delivered")


def test_a_destination_without_a_delivery_has_no_seconds() -> None:
    """Unknown, not zero."""
    line = DestinationLine(destination="sms", n=3, delivered=0, dead=1, late=0, p50_s=None, p95_s=None, timed=0)
    html = delivery_markup.destinations([line])

    assert html.count("<td>unknown</td>") == 2 and "✗ 0.00 %" in html


def test_integrity_at_a_glance_says_what_would_have_been_caught_and_never_that_a_claim_is_true() -> None:
    """The sign of each check's worst target, e and n; one check alone when it is asked for."""
    one = Examination(NOW, suspected("acme", NOW))
    checks = ("change", "identity", "place", "token_arithmetic_completion")
    glance, whole = integrity_markup.glance([one], checks), integrity_markup.provider(one, checks)
    alone = integrity_markup.provider(one, ["place"])

    assert [glance.count(f">{sign}<") for sign in "✗~○?"] == [1, 1, 1, 1]
    assert "1 of 2 targets so; 1 not rejected" in whole and "1 % inflation, power .996" in whole
    assert "<td>250</td><td>240</td>" in whole and "the provider may still reply" in whole
    assert "insufficient data" in alone and "contradicted</b>" not in alone
    assert "verified" not in (html := glance + whole + integrity_markup.legend()) and "<img" not in html

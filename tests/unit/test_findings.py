"""Evidence by check: the worst first, what stands beside it counted, and texts from outside that stay text."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.integrity import words
from collector.judgement.integrity.findings import Examination, findings
from collector.judgement.integrity.suspicion import Reply, Stage, suspicion
from dashboard import claims_markup
from schemas.evidence import Evidence, Standing
from tests.support.claims import HOSTILE, contradicted, evidence, suspected

AT = datetime(2026, 11, 26, 21, 8, tzinfo=UTC)
EVERY_S = 21_600.0
CHECKS, TARGETS = ("bills", "place", "identity"), ("acme/a/chat", "acme/b/chat", "acme/c/chat")


@given(
    st.lists(
        st.builds(
            evidence, st.sampled_from(CHECKS), st.sampled_from(TARGETS), st.sampled_from(Standing),
            reason=st.sampled_from(("one", "two")),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_every_piece_of_evidence_is_in_the_finding_of_its_check(some: list[Evidence]) -> None:
    """None is lost, the worst leads its check, and worse checks come first."""
    found = findings(some)
    order = [list(Standing).index(one.worst.standing) for one in found]

    assert sum(len(one.evidence) for one in found) == len(some)
    assert len({one.worst.check for one in found}) == len(found)
    assert order == sorted(order)
    for one in found:
        assert sum(one.counts.values()) == len(one.evidence) >= one.same >= 1
        assert next(iter(one.counts)) is one.worst.standing


def test_what_the_others_say_is_counted_beside_the_worst() -> None:
    """Two targets are contradicted for one reason, a third for another, a fourth is not."""
    some = [
        evidence("bills", "acme/a/chat", Standing.CONTRADICTED, reason="tokens_inflated", e=50.0),
        evidence("bills", "acme/b/chat", Standing.CONTRADICTED, reason="tokens_inflated", e=9.0),
        evidence("bills", "acme/c/chat", Standing.CONTRADICTED, reason="hidden_minimum", e=2.0),
        evidence("bills", "acme/d/chat", Standing.NOT_REJECTED),
    ]
    (found,) = findings(some)

    assert words.agreement(found) == "acme/a/chat; 2 of 4 targets so; 1 contradicted; 1 not rejected"
    assert words.agreement(findings(some[:1])[0]) == "acme/a/chat"


def test_the_state_says_how_far_it_has_come_and_what_may_still_be_said() -> None:
    """Below the line nothing of a reply; at it, until when; afterwards, what came of it."""
    below = suspicion("acme", (), AT, discovered=False)
    reached = suspected("acme", AT)
    replied = suspicion(
        "acme", contradicted("acme"), AT + timedelta(days=8), discovered=True, reached=AT,
        reply=Reply(AT + timedelta(days=2), accepted=False),
    )  # fmt: skip

    assert "reply" not in words.state(below)
    assert "reply until 2026-12-03 21:08 UTC, no reply yet." in words.state(reached)
    assert words.state(replied).startswith("The evidence reaches the line, and the right of reply is over")
    assert words.state(replied).endswith("replied at 2026-11-28 21:08 UTC, rejected.")
    assert "verified" not in words.state(below) + words.state(reached) + words.state(replied)


def test_the_section_shows_each_check_once_and_nothing_that_runs() -> None:
    """What contradicts leads; what has no data is folded; texts of answers stay text."""
    shown = claims_markup.section(Examination(AT, suspected("clay", AT)), EVERY_S)
    checks = re.findall(r'data-check="([a-z_]+)"', shown)

    assert checks == ["token_arithmetic_completion", "change", "identity"]
    assert "Insufficient data: 1 check" in shown
    assert "next due 2026-11-27 03:08 UTC" in shown
    assert "<img" not in shown and "&lt;img src=x" in shown
    assert HOSTILE not in shown
    assert "clay/us-east/chat; 1 of 2 targets so; 1 not rejected" in shown


def test_the_section_is_bounded_however_much_there_is_to_say() -> None:
    """A hundred targets, a thousand lines of arithmetic."""
    one = evidence("bills", "acme/a/chat", Standing.CONTRADICTED, arithmetic=tuple(f"line {n}" for n in range(1000)))
    many = tuple(replace(one, subject=f"acme/{n}/chat") for n in range(100))
    shown = claims_markup.section(Examination(AT, suspicion("acme", many, AT, discovered=True)), EVERY_S)

    assert "and 79 more" in shown and "and 960 more lines" in shown
    assert len(shown) < 40_000


@pytest.mark.parametrize(
    ("stage", "marked"),
    [(Stage.BELOW, False), (Stage.EXPLAINED, False), (Stage.REPLY_OPEN, True), (Stage.SUSPECT, True)],
)
def test_only_who_is_beyond_the_line_is_marked(stage: Stage, marked: bool) -> None:
    """With a link to the section of that provider alone."""
    mark = claims_markup.mark('a"b/c', stage)

    assert bool(mark) is marked
    assert not marked or 'href="provider?provider=a%22b%2Fc#claims"' in mark


def test_before_the_first_examination_it_is_said_when_there_will_be_one() -> None:
    """And not that all is well."""
    said = claims_markup.unexamined(EVERY_S)

    assert "Nothing was examined yet" in said and "6 h" in said

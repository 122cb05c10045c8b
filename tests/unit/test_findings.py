"""Findings: one line for each check, the worst first, every target counted; and the sentence above them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.integrity import words
from collector.judgement.integrity.findings import Examination, findings
from collector.judgement.integrity.period import period_start
from collector.judgement.integrity.suspicion import Reply, suspicion
from schemas.evidence import Evidence, Standing
from tests.support.claims import contradicted, evidence, suspected

AT = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)


def of_one_check(*standings: Standing) -> list[Evidence]:
    """Evidence of one check about as many targets."""
    return [evidence("place", f"acme/{place}/chat", standing) for place, standing in enumerate(standings)]


def test_contradictions_come_first_and_what_has_no_data_last() -> None:
    """By what is worst in a check, whatever its other targets say."""
    told, silent = Examination(AT, suspected("acme", AT)).parted

    assert [(one.worst.check, one.worst.standing) for one in (*told, *silent)] == [
        ("token_arithmetic_completion", Standing.CONTRADICTED),
        ("change", Standing.NOTICED),
        ("identity", Standing.NOT_REJECTED),
        ("place", Standing.INSUFFICIENT),
    ]
    assert [one.worst.check for one in silent] == ["place"]


def test_of_two_that_contradict_the_more_surprising_is_shown() -> None:
    """And the first by name where they surprise alike."""
    weak, strong = (evidence("place", f"acme/{e}/chat", Standing.CONTRADICTED, e=e) for e in (20.0, 5000.0))
    (found,) = findings([weak, strong, replace(strong, subject="acme/zzz/chat")])

    assert found.evidence == (strong, replace(strong, subject="acme/zzz/chat"), weak)


@pytest.mark.parametrize(
    ("standings", "said"),
    [
        ([Standing.CONTRADICTED], "acme/0/chat"),
        ([Standing.INSUFFICIENT] * 3, "acme/0/chat; 3 of 3 targets so"),
        (
            [Standing.NOT_REJECTED, Standing.CONTRADICTED, Standing.INSUFFICIENT, Standing.NOT_REJECTED],
            "acme/1/chat; 1 of 4 targets so; 2 not rejected; 1 insufficient data",
        ),
    ],
)
def test_it_says_how_many_targets_say_the_same(standings: list[Standing], said: str) -> None:
    """And what the others say."""
    assert words.agreement(findings(of_one_check(*standings))[0]) == said


def test_another_reason_is_not_the_same() -> None:
    """Two targets have too little data, each for a reason of its own."""
    few, none = of_one_check(Standing.INSUFFICIENT, Standing.INSUFFICIENT)
    (found,) = findings([few, replace(none, reason="no_claim")])

    assert (found.same, words.agreement(found)) == (1, "acme/0/chat; 1 of 2 targets so; 1 insufficient data")


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 500), st.sampled_from(Standing)), unique_by=lambda x: x)
)
def test_no_evidence_is_lost_and_none_is_told_twice(some: list[tuple[str, int, Standing]]) -> None:
    """However many targets there are, there is one line for each check, and its counts add up."""
    given_evidence = [evidence(check, f"acme/{target}/chat", standing) for check, target, standing in some]
    found = findings(given_evidence)

    assert len(found) == len({check for check, _, _ in some})
    assert sorted(map(repr, given_evidence)) == sorted(repr(one) for each in found for one in each.evidence)
    assert all(sum(one.counts.values()) == len(one.evidence) and 1 <= one.same <= len(one.evidence) for one in found)
    order = list(Standing)
    ranks = [order.index(one.worst.standing) for one in found]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("days", "reply", "said"),
    [
        (
            1,
            None,
            "the provider may still reply: E = 31.85 of the 1000 that two families need, contradicted by billing",
        ),
        (1, None, "line reached at 2026-11-24 07:00 UTC by one contradiction of class A on 2 days and from 2 vantages"),
        (1, None, "reply until 2026-12-01 07:00 UTC, no reply yet."),
        (1, Reply(AT), "replied at 2026-11-24 07:00 UTC, not weighed yet."),
        (1, Reply(AT, accepted=True), "the provider's reply was accepted"),
        (9, Reply(AT, accepted=False), "the right of reply is over: E = 31.85"),
    ],
)
def test_the_sentence_says_how_far_it_has_come(days: int, reply: Reply | None, said: str) -> None:
    """E, who contradicts, since when, until when a reply is weighed, and what became of it."""
    later = AT + timedelta(days=days)
    sentence = words.state(suspicion("acme", contradicted("acme"), later, discovered=True, reached=AT, reply=reply))

    assert said in sentence
    assert "verified" not in sentence


def test_below_the_line_no_reply_is_asked_for() -> None:
    """And nobody is said to contradict."""
    nothing = suspicion("acme", of_one_check(Standing.NOT_REJECTED), AT, discovered=False)

    assert words.state(nothing) == (
        "The evidence does not reach the line: E = 1 of the 1000 that two families need, contradicted by no family."
    )
    assert Examination(AT, nothing).since == period_start(AT)

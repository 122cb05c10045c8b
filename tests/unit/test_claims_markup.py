"""The section about claims as HTML: bounded, in order, and nothing of a provider's answers becomes an element."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from collector.judgement.integrity.findings import Examination
from collector.judgement.integrity.suspicion import Stage, suspicion
from dashboard import claims_markup
from dashboard.claims_markup import LINES_MAX, TARGETS_MAX
from schemas.evidence import Evidence, Standing
from tests.support.claims import HOSTILE, evidence, suspected

AT = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
EVERY_S = 21_600.0


def section(*some: Evidence) -> str:
    """The section about a provider of which that was found."""
    return claims_markup.section(Examination(AT, suspicion("acme", some, AT, discovered=True)), EVERY_S)


def test_the_section_leads_with_suspicion_and_folds_what_has_no_data() -> None:
    """State, when, one line for each check, then what is folded."""
    html = claims_markup.section(Examination(AT, suspected("acme", AT)), EVERY_S)
    order = (
        'class="ts-state ts-minor"', "next due 2026-11-24 13:00 UTC", "smallest effect that would have been caught",
        'data-check="token_arithmetic_completion"', "1.0312 billed/counted", "1.0297 to 1.0328, against 1.002",
        "n 240, p = 1e-12, e = 250", "4 days, 2 vantages", 'data-check="change"', 'data-check="identity"',
        "<i>Would have been caught:</i> a model of half the size", "<summary>Insufficient data: 1 check</summary>",
        "there are too few vantages", "<summary>How E is put together</summary>",
    )  # fmt: skip
    places = [html.find(part) for part in order]

    assert -1 not in places
    assert places == sorted(places)
    assert html.count('class="ts-check"') == 3
    assert "verified" not in html


def test_nothing_from_outside_becomes_an_element() -> None:
    """Every text of evidence, told or folded."""
    one = evidence(
        HOSTILE, HOSTILE, Standing.CONTRADICTED, claim=HOSTILE, said=HOSTILE, unit=HOSTILE, value=1.0, smallest=HOSTILE,
        arithmetic=(HOSTILE,), assumptions=(HOSTILE,),
    )  # fmt: skip
    html = section(one, replace(one, subject="other"), replace(one, check="x", standing=Standing.INSUFFICIENT))

    assert "<img" not in html
    assert html.count("&lt;img") > 10


def test_the_section_is_short_however_many_targets_there_are() -> None:
    """A thousand targets that say the same are one line; twenty are shown one by one, the others counted."""
    thousand = [
        evidence("place", f"acme/{number}/chat", Standing.CONTRADICTED, arithmetic=("line",) * 500)
        for number in range(1000)
    ]
    html = section(*thousand)

    assert html.count('class="ts-check"') == 1
    assert "1000 of 1000 targets so" in html
    assert html.count("<code>acme/") == TARGETS_MAX
    assert f"and {999 - TARGETS_MAX} more" in html
    assert f"and {500 - LINES_MAX} more lines" in html
    assert len(html) < 20_000


def test_before_the_first_examination_it_says_when_it_will_be() -> None:
    """Not a good word, not a bad one."""
    assert "Nothing was examined yet" in claims_markup.unexamined(EVERY_S)
    assert "every 6 h (<code>integrity.every</code>)" in claims_markup.unexamined(EVERY_S)


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (Stage.BELOW, ""),
        (Stage.EXPLAINED, ""),
        (Stage.REPLY_OPEN, "▲ claims contradicted, may reply"),
        (Stage.SUSPECT, "▲ claims contradicted"),
    ],
)
def test_only_a_suspected_provider_has_a_mark(stage: Stage, said: str) -> None:
    """It leads to the section, whatever the provider is called."""
    link = claims_markup.mark('a"<b>', stage)

    assert link == (
        said and f'<a class="ts-mark" href="provider?provider=a%22%3Cb%3E#claims" target="_self">{said}</a>'
    )

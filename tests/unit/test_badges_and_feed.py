"""What anybody may be shown: badges and the feed of incidents. Whatever something is called, they stay well-formed."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.exports.badge import STALE, badge
from collector.exports.incident_feed import feed
from collector.judgement.tiers import judge
from collector.public_api import HELD_S, Held, is_public
from collector.storage.incident_queries import IncidentRow
from schemas.config import TierPolicy
from schemas.errors import StoreUnavailable
from schemas.incident import IncidentState, Level, Severity, Signal
from schemas.verdict import Tier, Verdict
from tests.support.claims import HOSTILE
from touchstone.system_clock import SystemClock

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
ATOM, SVG = "{http://www.w3.org/2005/Atom}", "{http://www.w3.org/2000/svg}"
NAMES = st.one_of(st.just(HOSTILE), st.text(max_size=70))
INCIDENT = IncidentRow(
    id="inc-0123456789ab", provider="acme", severity=Severity.P0, state=IncidentState.RESOLVED, level=Level.PROVIDER,
    scope="acme", reason="connect_refused", rule="2 of 5 clusters down", parent="", failed_at=AT,
    opened_at=AT + timedelta(seconds=4), updated_at=AT + timedelta(minutes=9), resolved_at=AT + timedelta(minutes=8),
    seq=3, reopened=0, simulated=False, signal=Signal.HARD_DOWN, acknowledged_by="", suppressed_by="", flapping=False,
    blind=False, certainty="", affected=(), affected_n=0, watched_n=0, acknowledged_at=None, suppressed_why="",
)  # fmt: skip


def verdict(tier: Tier = Tier.GOLD, provider: str = "acme") -> Verdict:
    """Given at AT."""
    return replace(judge("acme", None, TierPolicy(), AT, None), tier=tier, provider=provider)


def words(drawn: str) -> list[str]:
    """The texts of a badge, from left to right."""
    return [one.text or "" for one in ET.fromstring(drawn).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("tier", "after", "simulated", "said"),
    [
        (Tier.GOLD, timedelta(minutes=1), False, "◆ gold"),
        (Tier.SUSPECT, timedelta(minutes=1), True, "▲ suspect, simulated"),
        (Tier.UNRATED, STALE, False, "○ unrated"),
        (Tier.GOLD, STALE + timedelta(seconds=1), False, "not judged for 6 h"),
    ],
)
def test_a_badge_says_the_tier_that_holds_now(tier: Tier, after: timedelta, simulated: bool, said: str) -> None:
    """A verdict that is old is no verdict; a simulated cloud is said to be one."""
    drawn = badge(verdict(tier), AT + after, simulated=simulated)
    title = ET.fromstring(drawn).findtext(f"{SVG}title") or ""

    assert words(drawn) == ["acme", said]
    assert "judged by Touchstone at 2026-11-24 12:00 UTC over 30 days, n 0" in title


@given(name=NAMES)
def test_a_badge_of_any_name_is_an_image_and_nothing_else(name: str) -> None:
    """No element, no script, nothing fetched."""
    root = ET.fromstring(badge(verdict(provider=name), AT, simulated=False))

    assert {one.tag.removeprefix(SVG) for one in root.iter()} == {"svg", "title", "rect", "path", "g", "text"}
    assert not [one for node in root.iter() for one in node.attrib if one.startswith("on") or "href" in one]


def test_an_entry_is_updated_with_its_last_transition_and_keeps_its_id() -> None:
    """The state in the title, the page of the incident as its link; drills and children are not told."""
    drill = replace(INCIDENT, id="inc-drill", signal=Signal.DRILL)
    child = replace(INCIDENT, id="inc-child", state=IncidentState.CHILD)
    still = replace(INCIDENT, id="inc-open", state=IncidentState.OPEN, resolved_at=None, simulated=True)
    made = feed(
        [still, INCIDENT, drill, child],
        deployment="production",
        dashboard_url="https://touchstone.example/",
        api_url="https://collector.example",
    )
    root = ET.fromstring(made)
    first, last = root.findall(f"{ATOM}entry")

    assert root.findtext(f"{ATOM}id") == "urn:touchstone:production:incidents"
    assert root.findtext(f"{ATOM}updated") == "2026-11-24T12:09:00.000Z"
    assert first.findtext(f"{ATOM}title") == "[simulated] P0 acme (connect_refused): open"
    assert last.findtext(f"{ATOM}title") == "P0 acme (connect_refused): resolved"
    assert last.findtext(f"{ATOM}id") == "urn:touchstone:production:inc-0123456789ab"
    assert last.findtext(f"{ATOM}summary") == (
        "2 of 5 clusters down. First failure 2026-11-24T12:00:00.000Z. Recovered 2026-11-24T12:08:00.000Z."
    )
    links = [one.get("href") for one in root.iter(f"{ATOM}link")]
    assert links == [
        "https://collector.example/api/v1/incidents.atom",
        "https://touchstone.example/incident?id=inc-open",
        "https://touchstone.example/incident?id=inc-0123456789ab",
    ]


@given(name=NAMES)
def test_a_feed_of_any_names_is_well_formed(name: str) -> None:
    """Control characters, which XML cannot hold at all, and whatever looks like an element."""
    hostile = replace(INCIDENT, scope=name, reason=name, rule=name)
    root = ET.fromstring(feed([hostile], deployment="d", dashboard_url=None, api_url=None))

    assert [one.tag.removeprefix(ATOM) for one in root.find(f"{ATOM}entry") or ()] == [
        "id", "title", "updated", "published", "category", "summary",
    ]  # fmt: skip


def test_an_empty_feed_is_a_feed() -> None:
    """With no time of its own."""
    root = ET.fromstring(feed([], deployment="d", dashboard_url=None, api_url=None))

    assert root.findtext(f"{ATOM}updated") == "1970-01-01T00:00:00.000Z" and not root.findall(f"{ATOM}entry")


@pytest.mark.parametrize(
    ("path", "public"),
    [
        ("/api/v1/providers/acme/badge.svg", True),
        ("/api/v1/incidents.atom", True),
        ("/api/v1/providers/acme/badge.svg/", False),
        ("/api/v1/providers/../badge.svg", False),
        ("/api/v1/providers/a/b/badge.svg", False),
        ("/api/v1/providers/ACME/badge.svg", False),
        ("/api/v1/incidents", False),
        ("/api/v1/verdicts/acme", False),
    ],
)
def test_only_badges_and_the_feed_are_for_anybody(path: str, public: bool) -> None:
    """Nothing beside them."""
    assert is_public(path) is public


async def test_however_many_ask_the_store_is_asked_once_in_a_while() -> None:
    """Anybody may ask, so it must cost nothing; a store that is down is asked again by the next one."""
    loads: list[int] = []

    def load() -> int:
        loads.append(1)
        if len(loads) == 1:
            raise StoreUnavailable("down")
        return len(loads)

    clock = HandClock()
    held = Held(load, clock)
    with pytest.raises(StoreUnavailable):
        await held.value()
    several = await asyncio.gather(*(held.value() for _ in range(20)))
    clock.at += HELD_S + 1
    later = await held.value()

    assert (set(several), later, len(loads)) == ({2}, 3, 3)


class HandClock(SystemClock):
    """Moved by hand."""

    at = 0.0

    def monotonic(self) -> float:
        """As it was set."""
        return self.at

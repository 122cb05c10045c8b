"""A link to acknowledge is good for its incident, until its end, and for nobody who made it up."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.paging import ack_link
from tests.support.pages import NOW

KEY = "a-secret-that-signs-links"
UNTIL = NOW + timedelta(hours=1)


def values(link: str) -> tuple[str, str, str]:
    """Incident, end and signature, as the page gets them."""
    query = parse_qs(urlsplit(link).query, strict_parsing=True)
    assert all(len(value) == 1 for value in query.values())
    return query["incident"][0], query["expires"][0], query["signature"][0]


def made(incident: str = "inc-1") -> str:
    """A good link."""
    return ack_link.link("https://collector.example/api/", KEY, incident, UNTIL)


def test_a_link_of_ours_is_genuine_until_its_end() -> None:
    """The second of its end is too late."""
    incident, expires, signature = values(made())

    assert made().startswith("https://collector.example/api/acknowledge?")
    assert ack_link.verified(KEY, incident, expires, signature, UNTIL - timedelta(seconds=1))
    assert not ack_link.verified(KEY, incident, expires, signature, UNTIL)


@given(incident=st.text(max_size=60))
def test_any_incident_comes_through_the_address(incident: str) -> None:
    """Whatever characters it has."""
    if incident.isprintable() and incident:
        assert ack_link.verified(KEY, *values(made(incident)), NOW)


@pytest.mark.parametrize(
    ("incident", "later", "key"), [("inc-2", 0, KEY), ("inc-1", 60, KEY), ("inc-1", 0, "another-secret-0123456")]
)
def test_another_incident_another_end_another_secret_is_not(incident: str, later: int, key: str) -> None:
    """Each is signed."""
    _incident, expires, signature = values(made())

    assert not ack_link.verified(key, incident, str(int(expires) + later), signature, NOW)


@given(expires=st.text(max_size=30), signature=st.text(max_size=60))
def test_no_strangers_values_are_right_or_raise(expires: str, signature: str) -> None:
    """Digits that are none, and text that is not ASCII, included."""
    assert not ack_link.verified(KEY, "inc-1", expires, signature, NOW)


def test_the_secret_is_not_in_the_link() -> None:
    """Only what it signs, and the signature."""
    assert KEY not in made()
    assert len(values(made())[2]) == 43

"""Whom the claims of an ID token let in, as what, and why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dashboard.identity import AHEAD_MAX, Person, Stranger, identified, login_key
from schemas.login import Login, Role

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
ISSUER = "https://id.acme.example"
LOGIN: dict[str, Any] = {
    "issuer": ISSUER,
    "name": "Acme",
    "client_id": "touchstone",
    "client_secret": "s",
    "cookie_secret": "c" * 32,
    "url": "https://touchstone.acme.example",
    "session": "1h",
    "roles": {
        "responder": {"emails": ["Ana@acme.example"], "groups": ["on-call"]},
        "viewer": {"emails": ["vic@acme.example", "ana@acme.example"], "groups": ["all"]},
    },
}
CLAIMS: dict[str, Any] = {
    "is_logged_in": True,
    "iss": ISSUER,
    "aud": "touchstone",
    "iat": NOW.timestamp() - 60,
    "nonce": "n",
    "email": "ana@acme.example",
    "email_verified": True,
}
ODD = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def who(claims: dict[str, Any], **settings: Any) -> Person | Stranger:
    """Who CLAIMS with these changes are, under LOGIN with those; a claim of None is left out."""
    whole = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return identified(whole, Login.model_validate(LOGIN | settings), NOW)


@pytest.mark.parametrize(
    ("claims", "person"),
    [
        ({}, Person("ana@acme.example", Role.RESPONDER)),
        ({"email": "ANA@Acme.example"}, Person("ana@acme.example", Role.RESPONDER)),
        ({"email": "vic@acme.example"}, Person("vic@acme.example", Role.VIEWER)),
        ({"email": "bo@x.example", "groups": ["all", "on-call"]}, Person("bo@x.example", Role.RESPONDER)),
        ({"email": "bo@x.example", "groups": "on-call"}, Person("bo@x.example", Role.RESPONDER)),
        ({"email": "bo@x.example", "groups": ["all"]}, Person("bo@x.example", Role.VIEWER)),
        ({"aud": ["other", "touchstone"]}, Person("ana@acme.example", Role.RESPONDER)),
        ({"iss": f"{ISSUER}/"}, Person("ana@acme.example", Role.RESPONDER)),
        ({"email_verified": "true"}, Person("ana@acme.example", Role.RESPONDER)),
    ],
)
def test_whoever_is_named_or_in_a_group_has_its_role(claims: dict[str, Any], person: Person) -> None:
    """By address, whatever its case; the stronger of two roles."""
    assert who(claims) == person


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"is_logged_in": None}, ""),
        ({"is_logged_in": "true"}, ""),
        ({"iss": "https://evil.example"}, "what counts here is https://id.acme.example for touchstone"),
        ({"iss": None}, "what counts here is https://id.acme.example for touchstone"),
        ({"aud": "another"}, "what counts here is https://id.acme.example for touchstone"),
        ({"aud": None}, "what counts here is https://id.acme.example for touchstone"),
        ({"iat": NOW.timestamp() - 3600}, "session is over"),
        ({"iat": (NOW + AHEAD_MAX + timedelta(seconds=1)).timestamp()}, "session is over"),
        ({"iat": None}, "session is over"),
        ({"iat": True}, "session is over"),
        ({"iat": 1e300}, "session is over"),
        ({"email": None}, "does not say what your address is"),
        ({"email": ["ana@acme.example"]}, "does not say what your address is"),
        ({"email": "an\u212a@acme.example"}, "does not say what your address is"),  # a Kelvin sign folds to k
        ({"email": f"{'a' * 80}@acme.example"}, "does not say what your address is"),
        ({"email_verified": False}, "has verified the address ana@acme.example"),
        ({"email_verified": None}, "has verified the address ana@acme.example"),
        ({"email_verified": "false"}, "has verified the address ana@acme.example"),
        ({"email": "bo@x.example"}, "bo@x.example has no role"),
        ({"email": "bo@x.example", "groups": {"on-call": True}}, "bo@x.example has no role"),
        ({"email": "bo@x.example", "groups": ["On-Call", "on-call-2", 7]}, "bo@x.example has no role"),
    ],
)
def test_everybody_else_is_a_stranger_and_is_told_why(claims: dict[str, Any], why: str) -> None:
    """The safe answer to whatever is absent, odd or over."""
    found = who(claims)

    assert isinstance(found, Stranger)
    assert why in found.why and bool(why) == bool(found.why)


def test_a_session_lasts_exactly_as_long_as_it_is_set_to() -> None:
    """From the moment at which the issuer said who it is; up to a bound its clock may be ahead."""
    assert isinstance(who({"iat": NOW.timestamp() - 3599.5}), Person)
    assert isinstance(who({"iat": (NOW + AHEAD_MAX).timestamp()}), Person)
    assert isinstance(who({"iat": NOW.timestamp() - 3600}, session="2h"), Person)


def test_others_are_viewers_only_where_that_is_said() -> None:
    """And even there not with an address that nobody verified."""
    assert who({"email": "bo@x.example"}, others="viewer") == Person("bo@x.example", Role.VIEWER)
    assert isinstance(who({"email": "bo@x.example", "email_verified": False}, others="viewer"), Stranger)


def test_an_issuer_may_be_taken_to_verify_but_not_against_its_word() -> None:
    """`assume_verified` fills in for silence."""
    assert isinstance(who({"email_verified": None}, assume_verified=True), Person)
    assert isinstance(who({"email_verified": False}, assume_verified=True), Stranger)


def test_groups_are_read_from_the_claim_that_is_named() -> None:
    """And from no other."""
    claims = {"email": "bo@x.example", "https://acme.example/roles": ["on-call"]}

    assert isinstance(who(claims), Stranger)
    assert who(claims, groups_claim="https://acme.example/roles") == Person("bo@x.example", Role.RESPONDER)


@given(some.dictionaries(some.sampled_from([*CLAIMS, "groups"]), ODD, min_size=1))
def test_whatever_a_cookie_claims_somebody_is_let_in_only_by_the_rule(odd: dict[str, Any]) -> None:
    """Never an exception; whoever comes in is somebody of the settings."""
    found = who(odd)

    assert isinstance(found, Stranger) or found.name in {"ana@acme.example", "vic@acme.example"} or "groups" in odd


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Touchstone.acme.example/", "https://touchstone.acme.example"),
        ("https://touchstone.acme.example:443", "https://touchstone.acme.example"),
        ("https://touchstone.acme.example:8443/", "https://touchstone.acme.example:8443"),
        ("http://127.0.0.1:8501", "http://127.0.0.1:8501"),
        ("http://localhost:80/", "http://localhost"),
    ],
)
def test_the_address_is_written_as_a_browser_writes_it(url: str, origin: str) -> None:
    """A cookie holds where it was given, to the letter."""
    login = Login.model_validate(LOGIN | {"url": url})

    assert (login.url, login.redirect_uri) == (origin, f"{origin}/oauth2callback")
    assert login.metadata == f"{ISSUER}/.well-known/openid-configuration"


def test_a_login_is_told_from_the_next_one_of_the_same_person() -> None:
    """By its nonce; by who and when if an issuer keeps that to itself."""
    assert login_key(CLAIMS) != login_key(CLAIMS | {"nonce": "m"})
    assert login_key({"sub": "ana", "iat": 1}) != login_key({"sub": "ana", "iat": 2})

"""Signatures are those of Standard Webhooks 1.0, checked against its published vector and its own library."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from collector.paging.signing import key_of, signature, verified
from schemas.errors import TouchstoneError
from tests.support.pages import SECRET

ID, STAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
PUBLISHED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_vector() -> None:
    """Of the specification's reference implementations."""
    assert signature(SECRET, ID, STAMP, BODY) == PUBLISHED
    assert verified(SECRET, ID, STAMP, BODY, PUBLISHED)


@given(
    key=st.binary(min_size=24, max_size=64),
    id=st.text("abcdefghij-0123456789.", min_size=1, max_size=60),
    stamp=st.integers(0, 2**33),
    body=st.text(max_size=300),
)
def test_the_reference_library_signs_the_same(key: bytes, id: str, stamp: int, body: str) -> None:
    """Any key, id, second and body, as the package `standardwebhooks` does it."""
    secret = "whsec_" + base64.b64encode(key).decode()
    theirs = Webhook(secret).sign(id, datetime.fromtimestamp(stamp, UTC), body)

    assert signature(secret, id, stamp, body.encode()) == theirs


@pytest.mark.parametrize(
    ("id", "stamp", "body"),
    [("msg_other", STAMP, BODY), (ID, STAMP + 1, BODY), (ID, STAMP, BODY + b" ")],
)
def test_whatever_is_signed_counts(id: str, stamp: int, body: bytes) -> None:
    """Another id, another second, another body: not verified."""
    assert not verified(SECRET, id, stamp, body, PUBLISHED)


def test_one_right_signature_among_several_is_enough() -> None:
    """While a key is being changed the header holds two."""
    assert verified(SECRET, ID, STAMP, BODY, f"v1,AAAA {PUBLISHED}")
    assert verified(SECRET, ID, STAMP, BODY, f"v1a,zzz {PUBLISHED} v1,BBBB")


@given(header=st.text(max_size=80))
def test_no_header_of_a_stranger_is_right_or_raises(header: str) -> None:
    """Text that is not even ASCII included."""
    assert not verified(SECRET, ID, STAMP, BODY, header)


@pytest.mark.parametrize("secret", ["whsec_not base64!", "whsec_abc", "whsec_", "", "whsec_schlüssel", "\udcff"])
def test_a_secret_of_another_form_is_refused_without_being_repeated(secret: str) -> None:
    """Also the empty one, with which everybody could sign."""
    with pytest.raises(TouchstoneError) as caught:
        key_of(secret)

    assert str(caught.value) == "the webhook secret is not whsec_<base64>"

"""A target with several accounts is asked with one of them at each tick, and its name is all that is told."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from pydantic import SecretStr

from probes.accounts import account_of, with_account
from probes.attempt import observe, unobserved
from schemas.fleet import Auth
from schemas.observation import Reason
from schemas.wire import to_attributes
from tests.support.bad_server import bad_server, echoes, plain, sends
from tests.support.subjects import TICK, bench, subject_of

ACCOUNTS = {
    "known": Auth(bearer=SecretStr("key-of-the-known")),
    "fresh": Auth(bearer=SecretStr("key-of-the-fresh"), header="X-Api-Key"),
}


async def test_each_tick_has_one_account_and_sends_its_key_alone() -> None:
    """In its own header; the observation says which."""
    async with bad_server(echoes) as server, bench() as here:
        subject = subject_of("chat_stream", server.url, accounts=ACCOUNTS)
        seen = [await observe(here, subject, TICK + timedelta(seconds=n), 0, 1) for n in range(12)]
        heads = [dict(request["_headers"]) for request in server.requests]  # type: ignore[call-overload]

    sent = [("known", one["Authorization"]) if "Authorization" in one else ("fresh", one["X-Api-Key"]) for one in heads]
    keys = {"known": "Bearer key-of-the-known", "fresh": "key-of-the-fresh"}
    assert [(one.account, keys[one.account]) for one in seen] == sent
    assert {one.account for one in seen} == set(ACCOUNTS)
    assert all("key-of" not in repr(to_attributes(one)) for one in seen)


def test_accounts_take_turns_by_chance_and_the_same_tick_has_the_same_one() -> None:
    """Half the ticks each, in no order; another vantage draws for itself; a re-probe asks with its tick's."""
    subject = subject_of("chat_stream", "http://127.0.0.1:1/v1", accounts=ACCOUNTS)
    ticks = [TICK + timedelta(seconds=60 * n) for n in range(1000)]
    here, there = ([account_of(subject, vantage, tick) for tick in ticks] for vantage in ("here", "there"))

    assert here == [account_of(subject, "here", tick) for tick in ticks]
    assert 430 < Counter(here)["fresh"] < 570
    assert 430 < sum(a == b for a, b in zip(here, there, strict=True)) < 570
    assert 430 < sum(a == b for a, b in pairwise(here)) < 570
    assert account_of(subject_of("chat_stream", "http://127.0.0.1:1/v1"), "here", TICK) == ""


async def test_a_re_probe_asks_with_the_account_of_its_tick() -> None:
    """Else a key that was revoked would look like a provider that comes and goes."""
    async with bad_server(sends(plain("401 Unauthorized", b"{}"))) as server, bench() as here:
        subject = subject_of("chat_stream", server.url, accounts=ACCOUNTS)
        for n in range(6):
            seen = [await observe(here, subject, TICK + timedelta(seconds=n), attempt, 1) for attempt in range(3)]
            assert len({one.account for one in seen}) == 1
            assert {one.reason for one in seen} == {Reason.AUTH_FAILED}


async def test_a_key_in_the_servers_words_is_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    """Whichever account asked."""
    caplog.set_level(logging.DEBUG)
    said = b'{"error": {"message": "bad key key-of-the-known, or was it key-of-the-fresh"}}'
    async with bad_server(sends(plain("401 Unauthorized", said))) as server, bench() as here:
        subject = subject_of("chat_stream", server.url, accounts=ACCOUNTS)
        for n in range(8):
            one = await observe(here, subject, TICK + timedelta(seconds=n), 0, 1)
            key = ACCOUNTS[one.account].bearer
            assert key is not None and key.get_secret_value() not in one.detail + caplog.text


async def test_a_target_without_accounts_is_asked_as_ever() -> None:
    """And says none; neither does a tick at which nobody was asked."""
    async with bad_server(echoes) as server, bench() as here:
        subject = subject_of("chat_stream", server.url, auth=Auth(bearer=SecretStr("key-of-the-known")))
        seen = await observe(here, subject, TICK, 0, 1)
        none = unobserved(here, replace(subject), TICK, Reason.OBSERVER_OFFLINE, "")

    assert (seen.account, none.account) == ("", "")
    assert with_account(subject, "") is subject

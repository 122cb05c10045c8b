"""Prompts: unique, repeatable, with the nonce at their start, and of the size that was asked for."""

from __future__ import annotations

import re

import pytest

from probes.prompt import FRAME_TOKENS, NAME_TOKENS, WORDS, draws, length, long_prompt, name, short_prompt

NONCES = [f"{number:016x}" for number in range(300)]


def test_the_same_nonce_gives_the_same_prompt_and_another_one_another() -> None:
    """A replay asks the same; nothing else does."""
    shorts, longs = ([make(nonce) for nonce in NONCES] for make in (_short, _long))

    assert shorts == [_short(nonce) for nonce in NONCES]
    assert longs == [_long(nonce) for nonce in NONCES]
    assert len(set(shorts)) == len(set(longs)) == 300


def test_the_nonce_stands_at_the_start_so_that_no_prefix_is_shared() -> None:
    """Two prompts differ within their first twenty-two characters; and the text behind differs too."""
    for make in (_short, _long):
        starts = {make(nonce)[:22] for nonce in NONCES}
        tails = {make(nonce)[30:] for nonce in NONCES}
        assert len(starts) == 300
        assert len(tails) > 290


def test_a_length_takes_every_value_between_its_limits() -> None:
    """Both included; and nothing else."""
    assert {length(nonce, 8, 24) for nonce in NONCES} == set(range(8, 25))
    assert {length(nonce, 7, 7) for nonce in NONCES} == {7}


@pytest.mark.parametrize("tokens", [200, 10_000, 100_000])
def test_a_long_prompt_has_about_as_many_tokens_as_were_asked_for(tokens: int) -> None:
    """Common words and full stops counted as one token each, made-up names as three: within 5 %, or a sentence."""
    text = long_prompt(NONCES[7], tokens, 16).text
    pieces = re.findall(r"\w+|[^\w\s]", text)
    common = {word.lower() for word in WORDS}
    named = sum(piece[0].isupper() and piece.lower() not in common and piece.isalpha() for piece in pieces)
    found = len(pieces) + (NAME_TOKENS - 1) * named + FRAME_TOKENS // 2

    assert found == pytest.approx(tokens, rel=0.05, abs=20)


def test_the_nonce_is_asked_for_at_the_end_and_said_only_at_the_start() -> None:
    """A model that was given only the end of a long prompt cannot know it."""
    text = long_prompt("feedfacefeedface", 10_000, 16).text

    assert text.count("feedfacefeedface") == 1
    assert text.startswith("nonce=feedfacefeedface. ")
    assert "Begin your answer with the nonce" in text[-200:]


def test_names_are_made_up_and_draws_are_spread() -> None:
    """Many names, all letters; every residue is drawn."""
    names = {name(nonce, "x") for nonce in NONCES}

    assert len(names) > 280
    assert all(one.isalpha() and one.istitle() for one in names)
    assert {number % 10 for number in draws("ab", "x", 500)} == set(range(10))


def _short(nonce: str) -> str:
    return short_prompt(nonce, 16).text


def _long(nonce: str) -> str:
    return long_prompt(nonce, 400, 16).text

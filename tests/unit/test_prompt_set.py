"""Prompts that cannot be guessed: the same for the same secret, all different, committed to before they are used."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.prompt_set import commitment_of, commitment_of_key, key_of, prompts_of, prompts_of_key

SECRET = b"a secret that nobody knows"


def test_the_same_secret_gives_the_same_prompts_all_different() -> None:
    found = prompts_of(SECRET, "2026-11", 1000)
    assert found == prompts_of(SECRET, "2026-11", 1000)
    assert len(set(found)) == 1000


@given(st.integers(1, 60), st.integers(1, 60))
def test_fewer_prompts_are_a_beginning_of_more(one: int, other: int) -> None:
    fewer, more = sorted((one, other))
    assert prompts_of(SECRET, "s", more)[:fewer] == prompts_of(SECRET, "s", fewer)


def test_another_secret_or_another_set_gives_other_prompts() -> None:
    found = set(prompts_of(SECRET, "2026-11", 200))
    assert not found & set(prompts_of(SECRET + b".", "2026-11", 200))
    assert not found & set(prompts_of(SECRET, "2026-12", 200))


def test_prompts_are_short_and_begin_differently() -> None:
    """A prefix cache answers nothing of them, and they look like what people ask: no nonce, no digits."""
    found = prompts_of(SECRET, "2026-11", 100)
    assert all(10 <= len(prompt.split()) <= 50 for prompt in found)
    assert not any(character.isdigit() for prompt in found for character in prompt)
    assert len({prompt[:80] for prompt in found}) > 95


def test_what_is_revealed_later_fits_what_was_published_before() -> None:
    """The key of the set is enough to have the prompts and to check the commitment; the secret stays unknown."""
    published = commitment_of(SECRET, "2026-11", 50)
    revealed = key_of(SECRET, "2026-11")
    assert prompts_of_key(revealed, 50) == prompts_of(SECRET, "2026-11", 50)
    assert commitment_of_key(revealed, "2026-11", 50) == published
    assert len(published) == 64


@pytest.mark.parametrize(
    ("key", "set", "n"),
    [(key_of(SECRET, "2026-12"), "2026-11", 50), (key_of(SECRET, "2026-11"), "2026-12", 50),
     (key_of(SECRET, "2026-11"), "2026-11", 49)],
)  # fmt: skip
def test_no_other_set_fits_a_commitment(key: bytes, set: str, n: int) -> None:
    assert commitment_of_key(key, set, n) != commitment_of(SECRET, "2026-11", 50)


@pytest.mark.parametrize(
    ("secret", "set", "n", "said"),
    [
        (b"short", "s", 1, "the secret of the prompts has fewer than 16 bytes"),
        (SECRET, "", 1, "1 to 60 printable characters"),
        (SECRET, "a:b", 1, "no colon"),
        (SECRET, "s" * 61, 1, "1 to 60 printable characters"),
        (SECRET, "s", 0, "a set has 1 to 1000 prompts, not 0"),
        (SECRET, "s", 1001, "a set has 1 to 1000 prompts, not 1001"),
    ],
)
def test_what_cannot_be_a_set_is_refused_in_words_without_the_secret(
    secret: bytes, set: str, n: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        prompts_of(secret, set, n)
    assert secret.decode() not in str(refused.value)


def test_the_commitment_is_what_the_page_says() -> None:
    """SHA-256 of the scheme, then name, number, key and prompts, each after its length: anybody can compute it."""
    key = key_of(SECRET, "2026-11")
    parts = (b"2026-11", b"3", key, *(prompt.encode() for prompt in prompts_of(SECRET, "2026-11", 3)))
    said = b"touchstone prompt set 1" + b"".join(len(part).to_bytes(4) + part for part in parts)

    assert commitment_of(SECRET, "2026-11", 3) == hashlib.sha256(said).hexdigest()

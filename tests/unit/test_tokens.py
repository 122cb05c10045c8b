"""Only who shows one of the tokens is let in, and no refusal says a secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.tokens import Tokens

OLD, NEW = "the-old-token-of-the-fleet", "the-new-token-of-the-fleet"
TOKENS = Tokens({"old": OLD, "new": NEW})


@pytest.mark.parametrize("shown", [f"Bearer {OLD}", f"bearer {NEW}", f"BEARER  {NEW} "])
def test_any_of_the_tokens_is_let_in(shown: str) -> None:
    """Two are valid while one is replaced; the scheme's case and spaces do not matter."""
    assert TOKENS.refusal(shown) is None


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        (None, "no token"),
        ("", "not of the form Bearer TOKEN"),
        (f"Basic {OLD}", "not of the form Bearer TOKEN"),
        (OLD, "not of the form Bearer TOKEN"),
        ("Bearer ", "is none of collector.tokens"),
        (f"Bearer {OLD}x", "is none of collector.tokens"),
        (f"Bearer {OLD[:-1]}", "is none of collector.tokens"),
        ("Bearer \udcff\udcfe", "is none of collector.tokens"),
    ],
)
def test_anything_else_is_refused_with_why(shown: str | None, says: str) -> None:
    """What was wrong with it, never what would have been right."""
    said = TOKENS.refusal(shown)

    assert said is not None
    assert says in said
    assert OLD not in said
    assert NEW not in said


@given(shown=st.text(max_size=80))
def test_nothing_that_anybody_thinks_of_is_let_in(shown: str) -> None:
    """No text raises, none gets past."""
    assert TOKENS.refusal(f"Bearer {shown}") is not None


def test_without_tokens_everybody_is_let_in() -> None:
    """On loopback only: the configuration sees to that."""
    assert Tokens({}).refusal(None) is None

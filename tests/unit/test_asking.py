"""What the collector asks of agents survives its header, and what is no subject is passed over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.asking import ASKED_MAX, header_of, subjects_in

NAME = st.from_regex(r"\A[a-z0-9][a-z0-9._-]{0,20}\Z")
SUBJECT = st.tuples(st.builds("/".join, st.tuples(NAME, NAME, NAME)), NAME)


@given(st.frozensets(SUBJECT, max_size=ASKED_MAX))
def test_what_is_asked_is_what_is_heard(subjects: frozenset[tuple[str, str]]) -> None:
    """Any subjects, and never a longer header than a server takes."""
    header = header_of(subjects)

    assert subjects_in(header) == subjects
    assert len(header) < 8190


def test_more_than_fit_wait_for_the_next_answer() -> None:
    """The first forty, by name."""
    many = {(f"acme/east/t{number:03}", "chat") for number in range(100)}

    assert subjects_in(header_of(many)) == {(f"acme/east/t{number:03}", "chat") for number in range(ASKED_MAX)}


@pytest.mark.parametrize("header", [None, "", ",,,", "acme", "a b c", " , x"])
def test_what_is_no_subject_is_passed_over(header: str | None) -> None:
    """A header that something on the way has changed."""
    assert subjects_in(header) == frozenset()

"""Two answers that differ only in how they are written down are the same answer."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.integrity.text_form import normalised


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (" leading", "leading"),
        ("trailing\n", "trailing"),
        ("two\r\nlines", "two lines"),
        ("no\u00a0break", "no break"),
        ("\ufeffmark", "mark"),
        ("cafe\u0301", "caf\u00e9"),
        ("e\u200b\u0301", "\u00e9"),
        ("", ""),
        ("\ud800 alone", "\ud800 alone"),
    ],
)
def test_form_is_taken_off(written: str, read: str) -> None:
    """Space, line ends, invisible marks and Unicode's other spellings go; a lone surrogate is no error."""
    assert normalised(written) == read


@given(st.text(st.characters(exclude_categories=())))
def test_normalising_twice_changes_nothing(text: str) -> None:
    """Whatever the text, its normal form is its own, in NFC."""
    once = normalised(text)
    assert normalised(once) == once
    assert unicodedata.is_normalized("NFC", once)


@given(st.text(), st.text(" \n\t\r\u00a0\ufeff"), st.text(" \n\t\r\u00a0\ufeff"))
def test_white_space_around_an_answer_is_no_difference(text: str, before: str, after: str) -> None:
    """What a provider puts before or after an answer does not count."""
    assert normalised(before + text + after) == normalised(text)

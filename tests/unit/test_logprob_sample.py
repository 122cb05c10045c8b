"""Which logprobs are read of an answer, and which refusals mean that none are offered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.answer import LOGPROB_MIN, Answer
from probes.contract import Finding
from probes.kinds.chat_stream import take
from probes.kinds.logprob_sample import refused
from schemas.observation import Outcome, Reason

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["token", "logprob", "content", "top_logprobs"]), inner, max_size=4)
    ),
    max_leaves=12,
)


def chunk(*tops: Any) -> dict[str, Any]:
    """A chunk of tokens, each with its list."""
    content = [{"token": "a", "logprob": -1.0, "top_logprobs": top} for top in tops]
    return {"choices": [{"delta": {"content": "a"}, "logprobs": {"content": content}}]}


def read(*chunks: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    """The likeliest first tokens of an answer in *chunks*."""
    answer = Answer()
    for one in chunks:
        take(answer, one)
    return answer.likeliest


def top(token: object, logprob: object) -> dict[str, Any]:
    """One of a list."""
    return {"token": token, "logprob": logprob, "bytes": None}


def test_the_list_of_the_first_token_is_read_likeliest_first() -> None:
    """Those of later tokens, in the same chunk or in another, are left alone."""
    first, later = [top("b", -3), top("a", -0.1)], [top("z", -0.2)]

    assert read(chunk(first, later), chunk(later)) == (("a", -0.1), ("b", -3.0))
    assert read({"choices": [{"delta": {"role": "assistant"}, "logprobs": None}]}, chunk(first)) == (
        ("a", -0.1), ("b", -3.0),
    )  # fmt: skip


def test_what_is_no_logprob_is_left_out() -> None:
    """A token that cannot come, words, and a probability above one; what rounding did is mended."""
    wrong = [top("a", -9999.0), top("b", LOGPROB_MIN), top("c", "-1"), top("d", True), top("e", 0.5), top(None, -1), 7]

    assert read(chunk(wrong)) == ()
    assert read(chunk([*wrong, top("f", 1e-7)])) == (("f", 0.0),)


@pytest.mark.parametrize("logprobs", [None, {}, {"content": None}, {"content": []}, {"tokens": ["a"]}, [], "no"])
def test_an_answer_without_logprobs_has_none(logprobs: Any) -> None:
    """In any shape of without."""
    assert read({"choices": [{"delta": {"content": "a"}, "logprobs": logprobs}]}) == ()


@given(ANYTHING)
def test_nothing_that_a_server_sends_is_an_error(logprobs: Any) -> None:
    """And what is read can be kept."""
    found = read({"choices": [{"delta": {"content": "a"}, "logprobs": logprobs}]}, chunk(logprobs))

    assert all(LOGPROB_MIN < value <= 0 for _, value in found)


@pytest.mark.parametrize(
    ("reason", "detail", "expected"),
    [
        (Reason.BAD_REQUEST, "HTTP 400: logprobs is not supported with this model", True),
        (Reason.BAD_REQUEST, "HTTP 422: Top_LogProbs must be at most 5", True),
        (Reason.BAD_REQUEST, "HTTP 400: max_tokens must be at least 16", False),
        (Reason.HTTP_5XX, "HTTP 500: no logprobs today", False),
    ],
)
def test_only_a_refusal_that_names_logprobs_means_that_none_are_offered(
    reason: Reason, detail: str, expected: bool
) -> None:
    """A server that breaks has offered nothing, either way."""
    assert refused(Finding(outcome=Outcome.FAILED, reason=reason, detail=detail)) is expected

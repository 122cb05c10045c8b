"""golden_answer: generated questions with a known answer, and how an answer is read."""

from __future__ import annotations

import re
from typing import Any

import pytest

from probes.answer import Answer
from probes.attempt import observe
from probes.kinds.golden_answer import Question, fault_of, question
from schemas.observation import Observation, Outcome, Reason
from tests.support.bad_server import DONE, END, FINISH, STREAM_HEAD, bad_server, sends, token
from tests.support.subjects import TICK, bench, subject_of

OPERATIONS = {"plus": int.__add__, "minus": int.__sub__, "multiplied by": int.__mul__}
ASKED = re.compile(r"What is (\d+) (plus|minus|multiplied by) (\d+)\?")
QUESTION = Question("What is 1000 plus 234?", 1234)
NONCE = "1234000000001234"

READINGS: dict[str, tuple[str, bool]] = {
    "the number alone": ("1234", True),
    "with a separator": ("1,234", True),
    "in a sentence": ("The answer is **1234**.", True),
    "after its working": ("1000 + 234 = 1234", True),
    "with a unit": ("$1,234!", True),
    "another number": ("1233", False),
    "within a longer number": ("12345", False),
    "within a longer number with separators": ("91,234,567", False),
    "as the beginning of a fraction": ("1234.5", False),
    "only in the nonce": (f"nonce={NONCE}", False),
    "no number": ("I cannot tell.", False),
    "a very long number": ("9" * 5000, False),
}


@pytest.mark.parametrize("name", READINGS)
def test_the_right_number_is_found_wherever_it_stands(name: str) -> None:
    """As a number of its own; the nonce is none."""
    text, right = READINGS[name]
    answer = Answer(texts=[text])

    assert (fault_of(QUESTION, NONCE, answer)[0] is None) == right


@pytest.mark.parametrize("difficulty", ["easy", "hard"])
def test_a_question_has_one_answer_which_is_not_in_it(difficulty: str) -> None:
    """Sums, differences and products; repeating the question is no answer."""
    kinds = set()
    for number in range(500):
        asked = question(f"{number:016x}", difficulty)
        found = ASKED.fullmatch(asked.text)
        assert found is not None, asked.text
        one, operation, other = int(found[1]), found[2], int(found[3])
        assert asked.answer == OPERATIONS[operation](one, other)
        assert asked.answer not in {one, other}
        kinds.add(operation)
    assert kinds == set(OPERATIONS)


async def seen_of(*, wrong_by: int = 0, **settings: Any) -> Observation:
    """The observation of a server that computes, and is wrong by so much."""

    async def computes(reader: Any, writer: Any, request: dict[str, Any]) -> None:
        found = ASKED.search(request["messages"][0]["content"])
        assert found is not None
        result = OPERATIONS[found[2]](int(found[1]), int(found[3])) + wrong_by
        await sends(STREAM_HEAD, token("It is "), token(f"{result}."), FINISH, DONE, END)(reader, writer, request)

    async with bad_server(computes) as server, bench() as here:
        return await observe(here, subject_of("golden_answer", server.url, **settings), TICK, 0, 1)


async def test_a_right_answer_is_ok_and_a_wrong_one_is_wrong_content() -> None:
    """Degraded, with the question and the number in the detail."""
    right, wrong = await seen_of(), await seen_of(wrong_by=1, difficulty="hard")

    assert (right.outcome, right.reason) == (Outcome.OK, None), right.detail
    assert (wrong.outcome, wrong.reason) == (Outcome.DEGRADED, Reason.WRONG_CONTENT)
    assert "was not in the answer" in wrong.detail

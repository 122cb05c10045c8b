"""
`golden_answer`: small questions of arithmetic, generated, whose answer is known. OpenAI-compatible chat.

Numbers are drawn from the nonce, so an answer cannot be remembered; a model that is not the one that was promised, or
one that was squeezed too far, gets more of them wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from probes.answer import Answer
from probes.contract import Ask, Finding
from probes.kinds.chat_stream import CHAT
from probes.prompt import Prompt, draws
from probes.streaming import length_of, module_of, streamed
from probes.streaming_module import StreamingModule
from schemas.observation import Reason

_NUMBER = re.compile(r"(?<![\w.])\d{1,9}(?:,\d{3}){0,2}(?!\w|\.\d|,\d)")


class GoldenAnswerModule(StreamingModule):
    """Questions of arithmetic whose answer is known."""

    kind: Literal["golden_answer"]
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    difficulty: Literal["easy", "hard"] = Field(
        default="easy", description="`easy`: numbers of two digits; `hard`: of three"
    )


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the one number that answers it."""

    text: str
    answer: int


async def golden_answer(ask: Ask) -> Finding:
    """Ask one question and say what became of it."""
    module = module_of(ask)
    assert isinstance(module, GoldenAnswerModule)
    asked = question(ask.nonce, module.difficulty)
    text = f"nonce={ask.nonce}. {asked.text} Answer with the number alone."
    return await streamed(ask, CHAT, Prompt(text, length_of(ask)), check=partial(fault_of, asked, ask.nonce))


def question(nonce: str, difficulty: str) -> Question:
    """The question of one attempt; its answer is none of the numbers in it."""
    low, high = (11, 99) if difficulty == "easy" else (101, 999)
    which, first, second, small = draws(nonce, "question", 4)
    one, other = low + first % (high - low + 1), low + second % (high - low + 1)
    factor = 3 + small % 7
    match which % 3:
        case 0:
            return Question(f"What is {one} plus {other}?", one + other)
        case 1:
            return Question(f"What is {one + 2 * high} minus {other}?", one + 2 * high - other)
        case _:
            return Question(f"What is {one} multiplied by {factor}?", one * factor)


def fault_of(asked: Question, nonce: str, answer: Answer) -> tuple[Reason | None, str]:
    """Whether a complete answer holds the right number; working that is shown beside it is allowed."""
    text = answer.text.replace(nonce, "")
    if asked.answer in {int(number.replace(",", "")) for number in _NUMBER.findall(text)}:
        return None, ""
    return Reason.WRONG_CONTENT, f"{asked.text} {asked.answer} was not in the answer: {text[:80]!r}"

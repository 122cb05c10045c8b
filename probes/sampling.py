"""Asking for the integrity checks: a chat completion of which samples are kept when its answer is complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from probes.answer import Answer
from probes.contract import Ask, Finding
from probes.kinds.chat_stream import CHAT
from probes.prompt import Prompt
from probes.prompt_set import PROMPTS_MAX, SET_CHARS_MAX, key_of, prompts_of, turn
from probes.schedule import tick_number
from probes.streaming import NOTHING, Check, length_of, module_of, streamed
from probes.streaming_module import StreamingModule
from schemas.errors import TouchstoneError
from schemas.observation import Reason
from schemas.quantity import DurationS
from schemas.sample import TEXT_CHARS_MAX, Sample

DAY_S = 86_400.0
SetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=SET_CHARS_MAX)]
Keep = Callable[[Answer, Finding], tuple[Sample, ...]]


class SamplingModule(StreamingModule):
    """What every probe module says that feeds an integrity check."""

    interval: Annotated[DurationS, Field(ge=1)] = 3600.0


class PromptSetModule(SamplingModule):
    """What every probe module says that asks the prompts of a set."""

    set: SetName = Field(description="the name of the prompt set; a new name gives new prompts")
    prompts: Annotated[int, Field(ge=1, le=PROMPTS_MAX)] = Field(default=25, description="prompts of the set in use")


def _anything(_answer: Answer) -> tuple[Reason | None, str]:
    return None, ""


async def sampled(
    ask: Ask, text: str, keep: Keep, *, check: Check = _anything, extra: Mapping[str, Any] = NOTHING
) -> Finding:
    """
    Ask *text*, with *extra* fields in the request; of a complete answer keep what *keep* makes of it.

    *check* looks at its content.
    """
    complete: list[Answer] = []

    def look(answer: Answer) -> tuple[Reason | None, str]:
        complete.append(answer)
        return check(answer)

    found = await streamed(ask, CHAT, Prompt(text, length_of(ask)), extra=extra, check=look)
    return replace(found, samples=keep(complete[0], found)) if complete else found


def prompt_in_turn(ask: Ask, number: int) -> tuple[str, str]:
    """(item, prompt) of the module's set whose turn it is at *number*; raises TouchstoneError without a secret."""
    module = module_of(ask)
    assert isinstance(module, PromptSetModule)
    secret = ask.subject.secret_bytes
    try:
        index = turn(key_of(secret, module.set), ask.subject.phase_key, number, module.prompts)
        return f"{module.set}:{index:03}", prompts_of(secret, module.set, module.prompts)[index]
    except ValueError as error:
        raise TouchstoneError(str(error)) from error


def number_of(ask: Ask) -> int:
    """Which interval since the epoch is asked for."""
    return tick_number(ask.tick, ask.subject.module.interval)


def day_of(ask: Ask) -> int:
    """Which day (UTC) since the epoch is asked for."""
    return tick_number(ask.tick, DAY_S)


def kept(text: str, characters: int = TEXT_CHARS_MAX) -> str:
    """The first *characters* of *text*, as they can be stored."""
    return text[:characters].encode(errors="replace").decode()

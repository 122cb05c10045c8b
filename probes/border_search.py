"""
Finds which candidates of a set lie on a border of a model: asked again at temperature 0, they answer otherwise.

About one in two hundred does, so thousands are asked once for each model; then a few of them are enough for years.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from probes.connection import Connections
from probes.contract import Ask, Subject
from probes.kinds.border_input import BorderInputModule, border_input
from schemas.clock import Clock

REPEATS_MAX = 20
AT_ONCE_MAX = 64


@dataclass(frozen=True, slots=True)
class Candidate:
    """The different answers to candidate *index*, of *n* answers; *failed* requests had none."""

    index: int
    answers: tuple[str, ...]
    n: int
    failed: int

    @property
    def on_border(self) -> bool:
        """Whether it was answered in more than one way."""
        return len(self.answers) > 1


async def search(
    subject: Subject,
    candidates: int,
    repeats: int,
    at_once: int,
    *,
    connections: Connections,
    clock: Clock,
    done: Callable[[], None] = lambda: None,
) -> tuple[Candidate, ...]:
    """
    Ask each of the first *candidates* until two answers differ, *repeats* times at most, *at_once* at a time.

    *subject* is a target with its border_input module. *done* is called after each candidate.
    """
    assert isinstance(subject.module, BorderInputModule)
    room, turn = asyncio.Semaphore(min(at_once, AT_ONCE_MAX)), asyncio.Lock()

    async def look(index: int) -> Candidate:
        module = subject.module.model_copy(update={"inputs": (index,), "connection": "cold"})
        asked = replace(subject, module=module)
        async with room:
            found = Candidate(index, (), 0, 0)
            for number in range(min(repeats, REPEATS_MAX)):
                seen = await border_input(Ask(asked, f"{index}-{number}", False, connections, clock, turn))
                text = seen.samples[0].text if seen.samples else None
                answers = found.answers if text is None else tuple(dict.fromkeys((*found.answers, text)))
                found = Candidate(index, answers, found.n + (text is not None), found.failed + (text is None))
                if found.on_border:
                    break
            done()
            return found

    return tuple(await asyncio.gather(*(look(index) for index in range(candidates))))

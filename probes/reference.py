"""
Asks an own deployment for a trusted reference: every prompt of a set so many times, as the identity check asks others.

Request number j has the tick *began* + j ms, so that a capture that was broken off goes on with the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from probes.accounts import account_of, with_account
from probes.answer import Answer
from probes.attempt import Bench, Circumstances, observation_of
from probes.contract import Ask, Subject
from probes.kinds.chat_stream import CHAT
from probes.observe import Observe
from probes.prompt import Prompt
from probes.sampling import kept
from probes.streaming import streamed
from probes.streaming_module import StreamingModule
from schemas.fleet import Place
from schemas.observation import Observation, Reason
from schemas.reference import ANSWERS, BEGUN, Terms
from schemas.sample import Sample

NAME = "reference"  # of the kind and of the module that its observations say
MAX_TOKENS = 75
TICK = timedelta(milliseconds=1)


class ReferenceModule(StreamingModule):
    """One prompt of a set at temperature 1; not configured, and asked by the command alone."""

    kind: Literal["reference"] = "reference"
    max_tokens: int = MAX_TOKENS
    connection: Literal["cold", "warm", "alternate"] = "cold"


@dataclass(frozen=True, slots=True)
class Capture:
    """What is to be asked, one prompt after the other, round after round."""

    set: str
    number: int
    began: datetime
    prompts: Sequence[str]
    terms: Terms

    @property
    def ticks(self) -> tuple[datetime, ...]:
        """Of every request, in order."""
        return tuple(self.began + j * TICK for j in range(self.terms.total))

    def index_at(self, tick: datetime) -> int:
        """Which prompt is asked at *tick*."""
        return ((tick - self.began) // TICK) % len(self.prompts)


def subject_of(place: Place, vantage: str) -> Subject:
    """*place* as it is asked for a reference."""
    return Subject(place, NAME, ReferenceModule(), vantage=vantage)


def asking(bench: Bench, capture: Capture) -> Observe:
    """One request of *capture*; a complete answer is kept, whatever else it is."""

    async def asked(subject: Subject, tick: datetime, attempt: int, streams_open: int) -> Observation:
        started_at, complete = bench.clock.now(), list[str]()
        index = capture.index_at(tick)

        def keep(answer: Answer) -> tuple[Reason | None, str]:
            complete.append(answer.text)
            return None, ""

        nonce = f"{(tick - capture.began) // TICK:016x}"
        account = account_of(subject, bench.vantage, tick)
        ask = Ask(with_account(subject, account), nonce, False, bench.connections, bench.clock, bench.turn)
        finding = await streamed(ask, CHAT, Prompt(capture.prompts[index], capture.terms.max_tokens), check=keep)
        samples = tuple(_samples(capture, tick, index, text) for text in complete)
        found = replace(finding, samples=samples[0] if samples else ())
        circumstances = Circumstances(started_at, 0.0, streams_open, None, account)
        return observation_of(bench, subject, tick, attempt, found, circumstances)

    return asked


def _samples(capture: Capture, tick: datetime, index: int, text: str) -> tuple[Sample, ...]:
    """The answer, and with the first one what the whole capture is."""
    number = float(capture.number)
    answer = Sample(ANSWERS, f"{capture.set}:{index:03}", number, kept(text))
    begun = (Sample(BEGUN, capture.set, number, capture.terms.text()),) if tick == capture.began else ()
    return (answer, *begun)

"""What a probe keeps of an answer, so that a check can be made, and made again, from stored facts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

SAMPLES_MAX = 64  # of one observation
TEXT_CHARS_MAX = 1000
NAME_CHARS_MAX = 100
VALUE_LIMIT = 1e12  # the wire refuses numbers from here on


@dataclass(frozen=True, slots=True)
class Sample:
    """
    One value or text of the series *series*; *item* tells which of it: a prompt, an arm, a turn.

    Of models only answers to prompts that were generated for a check are ever kept. docs/integrity/samples.md lists
    the series with what item, value and text are in each.
    """

    series: str
    item: str = ""
    value: float = 0.0
    text: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.series) <= NAME_CHARS_MAX or len(self.item) > NAME_CHARS_MAX:
            raise ValueError(f"a sample's series has 1 to {NAME_CHARS_MAX} characters, its item at most as many")
        if len(self.text) > TEXT_CHARS_MAX:
            raise ValueError(f"a sample's text is longer than {TEXT_CHARS_MAX} characters")
        if not -VALUE_LIMIT < self.value < VALUE_LIMIT:
            raise ValueError("a sample's value is not a finite number")
        for text in (self.series, self.item, self.text):
            if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
                raise ValueError("a sample's text holds half a character, which cannot be written as UTF-8")


@dataclass(frozen=True, slots=True, order=True)
class KeptSample:
    """A stored sample with where and when it came from; *tick* (UTC) is that of its observation."""

    tick: datetime
    provider: str
    cluster: str
    target: str
    vantage: str
    series: str
    item: str
    value: float
    text: str

"""The samples of a page in Prometheus' text format, as far as they are wanted; no page makes it raise."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

# The parser's time grows with the square of a line's length: a second by these, for a page made to be slow; 1.5 ms for
# vLLM's of 50 KB.
PAGE_BYTES_MAX = 2 * 1024 * 1024
LINE_CHARS_MAX = 1024
WANTED_CHARS_MAX = 1024 * 1024
JUDGED_LINES = 20  # of a page without any wanted sample, to tell whether it is a page of metrics at all
_NAME = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)")


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a page."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Exposition:
    """What a page says: the wanted *samples*, or how it is *broken*."""

    samples: tuple[Sample, ...] = ()
    broken: str = ""


def read_page(page: bytes, wanted: Collection[str]) -> Exposition:
    """
    The samples in *page*, of PAGE_BYTES_MAX at most, whose names are *wanted*.

    A page without any of them must at least be a page of metrics, by its first lines.
    """
    lines = [line for line in page.decode(errors="replace").split("\n") if line.strip() and line.lstrip()[0] != "#"]
    chosen = [line for line in lines if (found := _NAME.match(line)) and found[1] in wanted]
    if sum(map(len, chosen)) > WANTED_CHARS_MAX:
        return Exposition(broken=f"{len(chosen)} samples of series that are read: more than {WANTED_CHARS_MAX} bytes")
    samples, broken = _parsed(chosen or lines[:JUDGED_LINES])
    return Exposition(broken=broken) if broken else Exposition(samples if chosen else ())


def _parsed(lines: Sequence[str]) -> tuple[tuple[Sample, ...], str]:
    samples: list[Sample] = []
    for line in lines:
        try:
            if len(line) > LINE_CHARS_MAX:
                raise ValueError("too long")
            samples.extend(_samples_of(line))
        except (ValueError, IndexError, OverflowError):  # what the parser raises for lines that are none
            return (), f"not Prometheus text: {line[:80]!r}"
    return tuple(samples), ""


def _samples_of(line: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(line):
        for sample in family.samples:
            yield Sample(sample.name, sample.labels, float(sample.value))

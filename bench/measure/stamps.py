"""
How far a client's figures are off the server's truth. Pure.

The server says when it had each request and when it sent each token; a client says what it made of that. Both on
CLOCK_MONOTONIC, which processes of one Linux machine share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

NS_IN_MS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One stream as the server saw it: when the request was in, when each token was about to be written."""

    stream: str
    path: str
    nonce: str
    received_ns: int
    sent_ns: tuple[int, ...]

    @property
    def ttft_ms(self) -> float:
        """Request in to first token out."""
        return (self.sent_ns[0] - self.received_ns) / NS_IN_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    One stream as a client reports it. *key* is the stream's number or the nonce of its prompt.

    *gaps_ms* lie between consecutive tokens; empty when the client keeps none. *arrivals_ns* are its stamps of the
    first tokens, as many as it keeps; *stamp* names their clock where the client says: `kernel` or `user`.
    """

    key: str
    ttft_ms: float
    gaps_ms: tuple[float, ...] = ()
    arrivals_ns: tuple[int, ...] = ()
    stamp: str = ""


@dataclass(slots=True)
class Errors:
    """The distances of many readings from the truth, in ms and without sign; *ttft_ms* are the TTFTs as reported."""

    ttft_ms: list[float] = field(default_factory=list)
    ttft_error_ms: list[float] = field(default_factory=list)
    itl_error_ms: list[float] = field(default_factory=list)
    stamp_error_ms: list[float] = field(default_factory=list)
    first_stamp_error_ms: list[float] = field(default_factory=list)
    compared: int = 0
    incomplete: int = 0
    stamps: Counter[str] = field(default_factory=Counter)


def errors_of(readings: Iterable[Reading], truths: Sequence[Truth]) -> Errors:
    """Every reading against its stream; one that is of no stream, or saw other than its tokens, is *incomplete*."""
    known = {truth.stream: truth for truth in truths} | {truth.nonce: truth for truth in truths if truth.nonce}
    errors = Errors()
    for reading in readings:
        truth = known.get(reading.key)
        if truth is None or not _same_tokens(reading, truth):
            errors.incomplete += 1
            continue
        errors.compared += 1
        errors.stamps[reading.stamp] += 1
        errors.ttft_ms.append(reading.ttft_ms)
        errors.ttft_error_ms.append(abs(reading.ttft_ms - truth.ttft_ms))
        gaps = [(after - before) / NS_IN_MS for before, after in pairwise(truth.sent_ns)]
        errors.itl_error_ms += [abs(said - true) for said, true in zip(reading.gaps_ms, gaps, strict=False)]
        late = [abs(at - sent) / NS_IN_MS for at, sent in zip(reading.arrivals_ns, truth.sent_ns, strict=False)]
        errors.stamp_error_ms += late if len(late) == len(truth.sent_ns) else []
        errors.first_stamp_error_ms += late[:1]
    return errors


def _same_tokens(reading: Reading, truth: Truth) -> bool:
    return bool(truth.sent_ns) and len(reading.gaps_ms) in {0, len(truth.sent_ns) - 1}

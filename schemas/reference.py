"""
A trusted reference: what an own deployment answered to the prompts of a set, and whether that still stands unchanged.

It is kept as samples. Series `reference` holds the answers: item `<set>:<prompt index>`, value the capture's number,
text the answer. `reference_begun` holds what was asked and `reference_digest` the SHA-256 of the whole when it was
complete, of each capture one: item is the set, value the capture's number.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from schemas.sample import KeptSample

ANSWERS, BEGUN, DIGEST = "reference", "reference_begun", "reference_digest"
SERIES = (ANSWERS, BEGUN, DIGEST)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Terms:
    """What was asked for. *commitment*: to the prompts, see probes/prompt_set.py; *samples*: answers to each prompt."""

    prompts: int
    samples: int
    commitment: str
    model: str
    max_tokens: int

    @property
    def total(self) -> int:
        """Answers in all."""
        return self.prompts * self.samples

    def text(self) -> str:
        """As a sample keeps it."""
        names = ("prompts", "samples", "commitment", "model", "max_tokens")
        return json.dumps({name: getattr(self, name) for name in names}, ensure_ascii=False)

    @classmethod
    def of(cls, text: str) -> Terms | None:
        """The terms that *text* holds; None when it holds none."""
        try:
            found = json.loads(text)
            terms = cls(**found)
        except (ValueError, TypeError):
            return None
        numbers = (terms.prompts, terms.samples, terms.max_tokens)
        known = all(type(one) is int and one > 0 for one in numbers) and isinstance(terms.commitment, str)
        return terms if known else None


@dataclass(frozen=True, slots=True)
class Reference:
    """One capture as it is served now. *answers* are in the order of their ticks."""

    target: str
    set: str
    capture: int
    began: datetime
    terms: Terms
    answers: tuple[KeptSample, ...]
    digest: str | None

    @property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """The answers to each item."""
        found: dict[str, list[str]] = defaultdict(list)
        for one in self.answers:
            found[one.item].append(one.text)
        return found

    def as_series(self, series: str) -> tuple[KeptSample, ...]:
        """The answers as if they were samples of *series*, for a check that compares like with like."""
        return tuple(replace(one, series=series) for one in self.answers)

    @property
    def complete(self) -> bool:
        """Whether its capture came to an end."""
        return self.digest is not None

    @property
    def fault(self) -> str:
        """Why it cannot be trusted; empty when it can."""
        if self.digest is None:
            return f"not finished: {len(self.answers)} of {self.terms.total} answers"
        now = digest_of(self.answers)
        if now != self.digest:
            return (
                f"it has changed: {len(self.answers)} of {self.terms.total} answers with the digest {now[:16]}, "
                f"captured with {self.digest[:16]}"
            )
        return ""


def digest_of(answers: Iterable[KeptSample]) -> str:
    """64 hex digits of the SHA-256 of *answers*: tick, item, capture and text of each, whatever their order."""
    digest = hashlib.sha256()
    for one in sorted(answers):
        tick_ms = (one.tick - _EPOCH) // timedelta(milliseconds=1)
        for part in (str(tick_ms), one.item, str(int(one.value)), one.text):
            encoded = part.encode()
            digest.update(struct.pack(">I", len(encoded)) + encoded)
    return digest.hexdigest()


def references_of(samples: Iterable[KeptSample]) -> tuple[Reference, ...]:
    """Every capture that *samples* of SERIES hold, by target and set, the oldest first."""
    answers: dict[tuple[str, str, int], list[KeptSample]] = defaultdict(list)
    begun: dict[tuple[str, str, int], KeptSample] = {}
    digests: dict[tuple[str, str, int], str] = {}
    for one in samples:
        key = (one.target, one.item.rpartition(":")[0] if one.series == ANSWERS else one.item, int(one.value))
        if one.series == ANSWERS:
            answers[key].append(one)
        elif one.series == BEGUN:
            begun[key] = one
        elif one.series == DIGEST:
            digests[key] = one.text
    return tuple(
        Reference(*key, began=one.tick, terms=terms, answers=tuple(sorted(answers[key])), digest=digests.get(key))
        for key, one in sorted(begun.items())
        if (terms := Terms.of(one.text)) is not None
    )

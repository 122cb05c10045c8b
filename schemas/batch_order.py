"""
In which order a sender's batches are to be taken, in two headers of its request.

A sender that has several under way says of each which one it is, and which of them must be taken before it: they go by
connections of their own, and may overtake each other. Who says nothing is taken as it comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.errors import WireError

BATCH_HEADER = "touchstone-batch"
AFTER_HEADER = "touchstone-after"
_DIGITS_MAX = 20


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """Which batch a request holds, and which one must be stored before it; None for what is not said."""

    batch: int | None = None
    after: int | None = None

    def headers(self) -> dict[str, str]:
        """The headers that say so."""
        said = {BATCH_HEADER: self.batch, AFTER_HEADER: self.after}
        return {name: str(value) for name, value in said.items() if value is not None}

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> BatchOrder:
        """What *headers* say; raises WireError for what is no batch."""
        return cls(_batch(headers, BATCH_HEADER), _batch(headers, AFTER_HEADER))


UNORDERED = BatchOrder()


def _batch(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise WireError(f"{name}: {text[:40]!r} is no batch")
    return int(text)

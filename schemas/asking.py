"""What the collector asks of an agent, in a header of its answer: look at these subjects now, others see them fail."""

from __future__ import annotations

from collections.abc import Iterable

HEADER = "touchstone-ask"
ASKED_MAX = 40  # in one answer, so that the header stays short; the next answer has the rest

Subject = tuple[str, str]  # target, module


def header_of(subjects: Iterable[Subject]) -> str:
    """The header's value: `acme/us-east/chat chat-short, ...`, at most ASKED_MAX of them."""
    return ", ".join(f"{target} {module}" for target, module in sorted(subjects)[:ASKED_MAX])


def subjects_in(header: str | None) -> frozenset[Subject]:
    """The subjects that a header names; what is no subject is passed over."""
    parts = (part.split() for part in (header or "").split(",")[:ASKED_MAX])
    return frozenset((part[0], part[1]) for part in parts if len(part) == 2)

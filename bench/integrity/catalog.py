"""The trials that the bench knows: one module a subject. One that is not there is reported as absent."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from bench.integrity.trial import Trials

SUBJECTS = ("billing", "answers", "identity", "place", "hardware", "change", "logprobs")


def trials() -> tuple[Trials, ...]:
    """All that are there, in the order of the subjects."""
    return tuple(one for subject in SUBJECTS if subject not in absent() for one in _of(subject))


def absent() -> tuple[str, ...]:
    """The subjects without a module."""
    return tuple(subject for subject in SUBJECTS if find_spec(_module(subject)) is None)


def _of(subject: str) -> tuple[Trials, ...]:
    found: tuple[Trials, ...] = import_module(_module(subject)).TRIALS
    return found


def _module(subject: str) -> str:
    return f"bench.integrity.trials_{subject}"

"""What there is to probe: every target with every one of its modules, each on a grid of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import SecretStr

from probes.contract import Subject
from probes.schedule import Grid, shift_apart
from schemas.config import LOCAL, Module
from schemas.errors import ConfigurationError, Finding
from schemas.fleet import Fleet, Place


def subjects_of(
    fleet: Fleet, modules: Mapping[str, Module], vantage: str = LOCAL, secret: SecretStr | None = None
) -> tuple[Subject, ...]:
    """Every target with every one of its modules; raises ConfigurationError as `subjects_at` does."""
    return tuple(subject for place in fleet.places() for subject in subjects_at(place, modules, vantage, secret))


def subjects_at(
    place: Place, modules: Mapping[str, Module], vantage: str = LOCAL, secret: SecretStr | None = None
) -> tuple[Subject, ...]:
    """
    One target with every one of its modules.

    An observation's natural key has the kind but not the module, so that two modules of one kind never tick together:
    the later one's phase is hashed anew until it cannot. Raises ConfigurationError where no phase will do.
    """
    subjects: list[Subject] = []
    for name in dict.fromkeys(place.target.modules):
        module = modules[name]
        others = [one.grid for one in subjects if one.module.kind == module.kind]
        plain = Subject(place, name, module, vantage=vantage, secret=secret)
        subjects.append(replace(plain, shift=_shift(plain, others)))
    return tuple(subjects)


def _shift(subject: Subject, others: list[Grid]) -> int:
    name, module = subject.module_name, subject.module
    shift = shift_apart(lambda shift: replace(subject, shift=shift).grid, others)
    if shift is None:
        message = f"the interval of {name!r} fits no other {module.kind} module here: make one a multiple of the other"
        raise ConfigurationError((Finding("", 0, 0, subject.place.id, message),))
    return shift

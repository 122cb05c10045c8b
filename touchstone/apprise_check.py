"""Whether this machine can send to the `apprise` destinations of a configuration; asked by those who would send."""

from __future__ import annotations

from pathlib import Path

from schemas.destinations import Apprise
from schemas.errors import ConfigurationError, Finding
from schemas.paging import Paging


def check_apprise(paging: Paging, file: Path) -> None:
    """Raise ConfigurationError for each `apprise` destination without its package, or of no service it knows."""
    named = {name: one for name, one in paging.destinations.items() if isinstance(one, Apprise)}
    if not named:
        return
    from collector.paging.apprise_process import unusable

    found = {name: unusable(one) for name, one in named.items()}
    wrong = {name: problem for name, problem in found.items() if problem}
    if wrong:
        where = "paging.destinations"
        raise ConfigurationError(
            tuple(Finding(str(file), 0, 0, f"{where}.{name}", problem) for name, problem in wrong.items())
        )

"""Which providers serve which model, by the fleet."""

from __future__ import annotations

from collections import defaultdict

from collector.judgement.first_token import FIRST_TOKEN_KINDS
from schemas.config import Configuration


def providers_by_model(configuration: Configuration) -> dict[str, tuple[str, ...]]:
    """The providers of each model that a module asks for tokens, sorted."""
    modules = configuration.settings.modules
    found: dict[str, set[str]] = defaultdict(set)
    for place in configuration.fleet.places():
        if any(modules[name].kind in FIRST_TOKEN_KINDS for name in place.target.modules):
            found[place.target.model].add(place.provider)
    return {model: tuple(sorted(providers)) for model, providers in sorted(found.items())}

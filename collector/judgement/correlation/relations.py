"""How providers stand to each other over a window: which fail together, what they share, how many they really are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.judgement.correlation.buckets import BUCKET_S, Watched
from collector.judgement.correlation.co_failure import CoFailure, Standing, co_failures
from collector.judgement.correlation.shared_infrastructure import Shared, Sighting, Weight, shared
from collector.judgement.correlation.suppliers import Group, Supply, groups, supply


@dataclass(frozen=True, slots=True)
class Relations:
    """Over [begins, ends), as known at *at*: every pair, what is shared, groups of linked providers, supplies."""

    begins: datetime
    ends: datetime
    at: datetime
    pairs: tuple[CoFailure, ...]
    shared: tuple[Shared, ...]
    groups: tuple[Group, ...]
    supplies: tuple[Supply, ...]

    def of(self, provider: str) -> Relations:
        """Only what is about *provider*."""
        return Relations(
            self.begins,
            self.ends,
            self.at,
            tuple(one for one in self.pairs if provider in {one.a, one.b}),
            tuple(one for one in self.shared if provider in {one.a, one.b}),
            tuple(one for one in self.groups if provider in one),
            tuple(one for one in self.supplies if provider in one.shares),
        )

    def number(self, standing: Standing) -> int:
        """How many pairs stand so."""
        return sum(one.standing is standing for one in self.pairs)


def closed_window(at: datetime, days: int) -> tuple[datetime, datetime]:
    """The last *days* whole days that end with the last bucket that was closed at *at*."""
    ends = at - timedelta(seconds=at.timestamp() % BUCKET_S)
    return ends - timedelta(days=days), ends


def relations(
    window: tuple[datetime, datetime],
    at: datetime,
    watched: Watched,
    sightings: Iterable[Sighting],
    models: Mapping[str, Iterable[str]],
    load: Mapping[str, Mapping[str, float]],
) -> Relations:
    """All relations; *models*: the providers of each model, *load*: requests of real traffic by model and provider."""
    pairs, common = co_failures(watched), shared(sightings)
    links = {(one.a, one.b) for one in pairs if one.linked}
    links |= {(one.a, one.b) for one in common if one.weight is Weight.EVIDENCE}
    everybody = {*watched.providers, *(one for of in models.values() for one in of)}
    return Relations(
        *window,
        at,
        pairs,
        common,
        tuple(group for group in groups(everybody, links) if len(group) > 1),
        tuple(supply(model, of, links, load.get(model, {})) for model, of in sorted(models.items())),
    )

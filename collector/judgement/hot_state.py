"""What the incident judge remembers between two decisions; a plain value that goes to JSON and back unchanged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from collector.judgement.hard_down import Watch
from schemas.fleet import Fleet
from schemas.incident import Incident, Signal
from schemas.response import Suppression

FORMAT = 2


@dataclass(frozen=True, slots=True)
class HotState:
    """
    Watches by key; incidents that are not over, or over for less than the cool-down, by id.

    unpaged holds incidents whose first page waits for a wider cause, with the instant since when. suppressions are
    those that have not expired, by id.
    """

    format: int = FORMAT
    watches: Mapping[str, Watch] = field(default_factory=dict)
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    unpaged: Mapping[str, datetime] = field(default_factory=dict)
    suppressions: Mapping[str, Suppression] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line of JSON."""
        return _JSON.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> HotState:
        """The state that `to_json` wrote, by this version or the one before it."""
        old = text.startswith('{"format":1,')
        state = _JSON.validate_python(_upgraded(json.loads(text))) if old else _JSON.validate_json(text)
        assert state.format == FORMAT, state.format
        return state


_JSON = TypeAdapter(HotState)


def _upgraded(plain: dict[str, Any]) -> dict[str, Any]:
    """Format 1 as format 2: every incident was hard-down, and evidence was ids alone."""
    for incident in plain["incidents"].values():
        del incident["good_streak"]
        incident["signal"] = Signal.HARD_DOWN
        incident["evidence"] = {"observations": incident["evidence"]}
        incident["told"] = incident["id"] not in plain["unpaged"]
    return plain | {"format": FORMAT}


@dataclass(frozen=True, slots=True)
class FleetIndex:
    """Which clusters a provider has, and which targets a cluster."""

    clusters: Mapping[str, tuple[str, ...]]
    targets: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, fleet: Fleet) -> FleetIndex:
        """The index of *fleet*."""
        clusters: dict[str, dict[str, None]] = {}
        targets: dict[str, tuple[str, ...]] = {}
        for place in fleet.places():
            clusters.setdefault(place.provider, {})[place.cluster] = None
            targets[place.cluster] = (*targets.get(place.cluster, ()), place.id)
        return cls({provider: tuple(names) for provider, names in clusters.items()}, targets)

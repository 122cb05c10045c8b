"""What the incident judge remembers between two decisions; a plain value that goes to JSON and back unchanged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from collector.judgement.hard_down import Watch
from schemas.fleet import Fleet
from schemas.incident import Incident, IncidentState, Level, Scope, Severity

FORMAT = 1


@dataclass(frozen=True, slots=True)
class HotState:
    """
    Watches by key; incidents that are not over, or over for less than the cool-down, by id.

    unpaged holds incidents whose first page waits for a wider cause, with the instant since when.
    """

    watches: Mapping[str, Watch] = field(default_factory=dict)
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    unpaged: Mapping[str, datetime] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line of JSON."""
        plain = {
            "format": FORMAT,
            "watches": {key: asdict(watch) for key, watch in self.watches.items()},
            "incidents": {key: asdict(incident) for key, incident in self.incidents.items()},
            "unpaged": dict(self.unpaged),
        }
        return json.dumps(plain, default=_plain, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> HotState:
        """The state that `to_json` wrote."""
        plain = json.loads(text)
        assert plain["format"] == FORMAT, plain["format"]
        return cls(
            watches={key: _watch(value) for key, value in plain["watches"].items()},
            incidents={key: _incident(value) for key, value in plain["incidents"].items()},
            unpaged={key: datetime.fromisoformat(value) for key, value in plain["unpaged"].items()},
        )


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


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _watch(plain: dict[str, Any]) -> Watch:
    for name in ("tick", "failed_at", "last_failed_at"):
        plain[name] = datetime.fromisoformat(plain[name]) if plain[name] else None
    return Watch(**plain | {"evidence": tuple(plain["evidence"])})


def _incident(plain: dict[str, Any]) -> Incident:
    for name in ("failed_at", "opened_at", "updated_at", "resolved_at"):
        plain[name] = datetime.fromisoformat(plain[name]) if plain[name] else None
    return Incident(
        **plain
        | {
            "scope": Scope(Level(plain["scope"]["level"]), plain["scope"]["id"]),
            "severity": Severity(plain["severity"]),
            "state": IncidentState(plain["state"]),
            "evidence": tuple(plain["evidence"]),
        }
    )

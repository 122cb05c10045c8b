"""What the incident judge remembers between two decisions; a plain value that goes to JSON and back unchanged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from collector.judgement.burn_rate import BurnReading
from collector.judgement.hard_down import Watch
from collector.judgement.sla.claim_due import ClaimDue
from schemas.incident import Incident, Signal
from schemas.response import Suppression

FORMAT = 2


@dataclass(frozen=True, slots=True)
class HotState:
    """
    Watches by key; incidents by id, also those that were over lately; suppressions that have not expired, by id;
    burn rates that have fired and are not clear yet; credits to claim, by what they are for.

    awake_since is since when somebody has been judging without a gap, looked_at when last, within some seconds.
    """

    format: int = FORMAT
    watches: Mapping[str, Watch] = field(default_factory=dict)
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    suppressions: Mapping[str, Suppression] = field(default_factory=dict)
    burning: Mapping[str, BurnReading] = field(default_factory=dict)
    claims: Mapping[str, ClaimDue] = field(default_factory=dict)
    awake_since: datetime | None = None
    looked_at: datetime | None = None

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
    for key, watch in plain["watches"].items():
        watch["module"] = key.rsplit("|", 1)[-1]
    del plain["unpaged"]
    return plain | {"format": FORMAT}

"""
Real traffic that an OpenTelemetry Collector stored: its flattened rows as client spans again, for collector/passive.py.

The exporter made text of every value. What a name's value is, is known of the names that are read; pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.passive import ATTR_SIMULATED, ClientSpan, names_of

CLIENT_KINDS = frozenset({"Client", "SPAN_KIND_CLIENT"})  # by version of the exporter
FAILED_CODES = frozenset({"Error", "STATUS_CODE_ERROR"})

_WHOLE = names_of("input", "output", "status", "port")
_SECONDS = names_of("first")
_LISTS = names_of("finish")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class ExportedSpan:
    """What is read of a row of the exporter's; events as (name, ns)."""

    id: str
    kind: str
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    events: Sequence[tuple[str, int]]
    start_ns: int
    duration_ns: int
    status: str


def client_span_of(row: ExportedSpan) -> ClientSpan:
    """The span that *row* was made of, as far as passive.py reads it."""
    simulated = {ATTR_SIMULATED: True} if row.resource.get(ATTR_SIMULATED) == "true" else {}
    return ClientSpan(
        id=row.id,
        client=row.kind in CLIENT_KINDS,
        attributes={name: _value(name, text) for name, text in row.attributes.items()},
        resource={**row.resource, **simulated},
        events=tuple(row.events),
        start_ns=row.start_ns,
        end_ns=row.start_ns + row.duration_ns,
        failed=row.status in FAILED_CODES,
    )


def _value(name: str, text: str) -> object:
    if name in _WHOLE and re.fullmatch(r"-?\d{1,19}", text):
        return int(text)
    if name in _SECONDS and _NUMBER.fullmatch(text):
        return float(text)
    if name in _LISTS and text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text

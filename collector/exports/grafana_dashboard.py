"""
A Grafana dashboard as JSON, to import: its data source is asked for then (`grafana-clickhouse-datasource`).

The queries come from whoever knows the store; here is how they are shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UID, INPUT, PLUGIN = "touchstone", "DS_CLICKHOUSE", "grafana-clickhouse-datasource"
SCHEMA_VERSION = 39
WIDE, HIGH = 12, 8  # of 24 columns
_SOURCE = {"type": PLUGIN, "uid": f"${{{INPUT}}}"}
_TIME_SERIES, _TABLE = 0, 1  # the data source's formats


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: the name of its query, its unit as Grafana calls it, and what is said of it."""

    title: str
    query: str
    kind: str
    unit: str
    says: str


PANELS = (
    Panel("Tiers", "tiers", "table", "", "The last verdict in the range of time, and when it was given."),
    Panel("Open incidents", "open_incidents", "table", "", "Open at the end of the range of time."),
    Panel(
        "Availability",
        "availability",
        "timeseries",
        "percentunit",
        "Answered of those that were answered or failed by the provider's fault; what is unknown is in neither.",
    ),
    Panel("Unknown", "unknown", "timeseries", "percentunit", "Not observed, or failed and nobody's or our own fault."),
    Panel("Time to first token, p50", "first_token_p50", "timeseries", "ms", "Of answers with trusted timings."),
    Panel("Time to first token, p95", "first_token_p95", "timeseries", "ms", "Of answers with trusted timings."),
    Panel(
        "Reasons", "reasons", "timeseries", "short", "How often each came; docs/reasons.md says whose fault each is."
    ),
    Panel("Probes", "n", "timeseries", "short", "First attempts of the kinds that serve: the n of the other panels."),
)


def render(queries: Mapping[str, str], providers: str, database: str) -> str:
    """The dashboard that ends in a newline; *queries* by name and *providers*, the variable's, with `{database}`."""
    variable = {
        "name": "provider", "label": "Provider", "type": "query", "datasource": _SOURCE, "refresh": 2, "multi": True,
        "includeAll": True, "current": {"text": ["All"], "value": ["$__all"]}, "sort": 1,
        "query": providers.replace("{database}", database), "definition": providers.replace("{database}", database),
    }  # fmt: skip
    made = {
        "__inputs": [
            {
                "name": INPUT, "label": "ClickHouse", "type": "datasource", "pluginId": PLUGIN,
                "pluginName": "ClickHouse", "description": "The store of Touchstone",
            }
        ],
        "__requires": [{"type": "datasource", "id": PLUGIN, "name": "ClickHouse", "version": "4.0.0"}],
        "uid": UID,
        "title": "Touchstone",
        "tags": ["touchstone"],
        "timezone": "utc",
        "editable": True,
        "schemaVersion": SCHEMA_VERSION,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "templating": {"list": [variable]},
        "panels": [
            _panel(number, one, queries[one.query].replace("{database}", database)) for number, one in enumerate(PANELS)
        ],
    }  # fmt: skip
    return json.dumps(made, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _panel(number: int, panel: Panel, sql: str) -> dict[str, Any]:
    table = panel.kind == "table"
    shown = {"lines": {"drawStyle": "line", "spanNulls": False, "showPoints": "auto"}, "bars": {"drawStyle": "bars"}}
    custom = {} if table else shown["bars" if panel.query == "reasons" else "lines"]
    limits = {"min": 0, "max": 1} if panel.unit == "percentunit" and panel.query == "unknown" else {}
    return {
        "id": number + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": _SOURCE,
        "gridPos": {"x": number % 2 * WIDE, "y": number // 2 * HIGH, "w": WIDE, "h": HIGH},
        "fieldConfig": {"defaults": {"unit": panel.unit, "custom": custom} | limits, "overrides": []},
        "targets": [
            {
                "refId": "A",
                "datasource": _SOURCE,
                "editorType": "sql",
                "queryType": "table" if table else "timeseries",
                "format": _TABLE if table else _TIME_SERIES,
                "rawSql": sql,
            }
        ],
    }

"""
The samples of our spans as the OpenTelemetry Collector's exporter flattens them, read back in SQL: rows of
`integrity_samples`. The same as `sample_rows.py` makes of observations.

As in span_columns.py, nothing here may throw: lists are cut to one length before they are joined.
"""

from __future__ import annotations

from collector.storage.sample_rows import COLUMNS, TABLE
from collector.storage.span_columns import EXPRESSIONS, VALID, numbers, samples_of
from schemas.observation import Source
from schemas.sample import SAMPLES_MAX

_PLACE = ("provider", "cluster", "target", "vantage")
_LENGTH = f"least(length({samples_of('series')}), {SAMPLES_MAX})"
_LISTS = (
    *(f"arrayResize({samples_of(name)}, {_LENGTH})" for name in ("series", "items", "texts")),
    f"arrayResize({numbers('touchstone.samples.values')}, {_LENGTH})",
    f"arraySlice(range(toUInt16({SAMPLES_MAX})), 1, {_LENGTH})",
)
_KEY = "sipHash128(target, vantage, toUnixTimestamp64Milli(tick), name, sample, n)"


def selected(source: str, where: str = "1") -> str:
    """The samples of the own ticks of probes in the table *source*, as rows of COLUMNS."""
    place = ", ".join(f"{EXPRESSIONS[name]} AS {name}" for name in _PLACE)
    return f"""SELECT tick, provider, cluster, target, vantage, one.1 AS name, one.2 AS sample, one.5 AS n,
       one.4 AS value, one.3 AS text, now64(3, 'UTC') AS at
FROM (SELECT Tick AS tick, {place}, arrayZip({", ".join(_LISTS)}) AS samples
      FROM {source}
      WHERE {VALID}
        AND mapContains(SpanAttributes, 'touchstone.samples.series') AND {where}
        AND {EXPRESSIONS["attempt"]} = 0 AND {EXPRESSIONS["source"]} = '{Source.ACTIVE.value}')
ARRAY JOIN samples AS one"""


_IN = "tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick < fromUnixTimestamp64Milli({b:Int64})"
_IN_TRACES = "Tick >= fromUnixTimestamp64Milli({a:Int64}) AND Tick < fromUnixTimestamp64Milli({b:Int64})"
MISSING = f"""SELECT {", ".join(COLUMNS)} FROM ({selected("{database}.{table}", _IN_TRACES)})
WHERE {_KEY} GLOBAL NOT IN (SELECT {_KEY} FROM {{database}}.{TABLE} WHERE {_IN})
LIMIT 1 BY target, vantage, tick, name, sample, n"""
INSERT_MISSING = f"INSERT INTO {{database}}.{TABLE} ({', '.join(COLUMNS)})\n{MISSING}"

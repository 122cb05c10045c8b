"""
The SQL of what else integrity checks count: answers by digest, answers that are as asked for, runs of benchmarks.

Only rows taken in before `at`. Parameters as in sample_queries.py: a, b, at (ms since the epoch), provider, target.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from collector.judgement.integrity.canned_answers import DayAnswers
from collector.judgement.integrity.node_benchmark import COPY, MEMORY, Run
from collector.judgement.integrity.repetition import Answers
from collector.judgement.integrity.subject import Conformed
from collector.storage.fact_queries import known_before
from schemas.observation import Reason

RUNS_READ_MAX = 10_000
CONFORMANCE_KINDS = ("golden_answer", "json_mode", "tool_call")
NOT_AS_ASKED = (Reason.WRONG_CONTENT, Reason.INVALID_JSON, Reason.UNKNOWN_NAME, Reason.SCHEMA_MISMATCH)

_ROWS = f"""{{database}}.observations
WHERE ({{provider:String}} = '' OR provider = {{provider:String}})
  AND ({{target:String}} = '' OR target = {{target:String}})
  AND tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND tick < fromUnixTimestamp64Milli({{b:Int64}})
  AND {known_before("at")} AND attempt = 0 AND source = 'active' AND outcome IN ('ok', 'degraded')"""

DAY_ANSWERS = f"""
SELECT target, day, vantage, sum(n), count(), max(n) FROM
  (SELECT target, toDate(tick) AS day, vantage, answer_digest, count() AS n FROM {_ROWS}
     AND kind = 'chat_stream' AND answer_digest != ''
   GROUP BY target, day, vantage, answer_digest)
GROUP BY target, day, vantage ORDER BY target, day, vantage"""

CONFORMED = f"""
SELECT target, kind, count(), countIf(reason IN ({", ".join(f"'{reason}'" for reason in NOT_AS_ASKED)})),
       uniqExact(toDate(tick)), uniqExact(vantage)
FROM {_ROWS} AND kind IN ({", ".join(f"'{kind}'" for kind in CONFORMANCE_KINDS)})
GROUP BY target, kind ORDER BY target, kind"""

BENCHMARKS = f"""
SELECT target, toDate(tick), vantage, figures FROM {_ROWS}
  AND kind = 'exec' AND mapContains(figures, '{COPY}') AND mapContains(figures, '{MEMORY}')
ORDER BY tick DESC, target, vantage LIMIT {RUNS_READ_MAX}"""


def day_answers_of(rows: Iterable[Sequence[Any]]) -> dict[str, tuple[DayAnswers, ...]]:
    """Rows of DAY_ANSWERS by target."""
    found: dict[str, list[DayAnswers]] = {}
    for target, day, vantage, n, distinct, top in rows:
        found.setdefault(target, []).append(DayAnswers(target, day, vantage, Answers(int(n), distinct, top)))
    return {target: tuple(several) for target, several in found.items()}


def conformed_of(rows: Iterable[Sequence[Any]]) -> dict[str, dict[str, Conformed]]:
    """Rows of CONFORMED by target and kind."""
    found: dict[str, dict[str, Conformed]] = {}
    for target, kind, n, invalid, days, vantages in rows:
        found.setdefault(target, {})[kind] = Conformed(n, invalid, days, vantages)
    return found


def benchmarks_of(rows: Iterable[Sequence[Any]]) -> dict[str, tuple[Run, ...]]:
    """Rows of BENCHMARKS by target, the earliest first."""
    found: dict[str, list[Run]] = {}
    for target, day, vantage, figures in rows:
        found.setdefault(target, []).append(Run(day, vantage, dict(figures)))
    return {target: tuple(reversed(several)) for target, several in found.items()}

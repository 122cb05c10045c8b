"""
What a contract counts by: requests by unit and slot, sorted as its exclusions say.

Only rows taken in before `at`. First attempts of our own probes of kinds that serve: re-probes page, they never count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from collector.judgement.sla.backoff import discounted
from collector.judgement.sla.record import Record, Slot
from collector.storage.client import of_ms, to_ms
from collector.storage.fact_queries import UNKNOWN, known_before
from collector.storage.first_token_sql import SERVES, TRUSTED
from schemas.contract import Announced, Backoff, Commitment, LatencyAttainment
from schemas.observation import BLAME, Blame

Query = Callable[..., Sequence[Sequence[Any]]]

_UNITS: Mapping[str, str] = MappingProxyType(
    {"provider": "provider", "region": "concat(provider, ' ', region)", "cluster": "cluster", "target": "target"}
)
_CALLER = "(" + ", ".join(sorted(f"'{reason}'" for reason, blame in BLAME.items() if blame is Blame.CALLER)) + ")"
NEVER_MS = 1e18  # a first token that comes later than that is late in no contract
_COUNTS = "countIf(good), countIf(failed), countIf(unknown), countIf(timed), countIf(late)"


@dataclass(frozen=True, slots=True)
class Span:
    """Which facts: of *provider*, [begins, until), as they were known at *at*, by slots of *slot_s*."""

    provider: str
    begins: datetime
    until: datetime
    at: datetime
    slot_s: int


def records(query: Query, span: Span, commitment: Commitment, announced: Iterable[Announced]) -> tuple[Record, ...]:
    """What was seen of every unit of *commitment*; nothing of a unit that nobody asked. Raises what *query* raises."""
    rows, parameters = _sorted_rows(span, commitment, announced)
    slots: dict[str, dict[int, Slot]] = {}
    for unit, number, *counts in query(_slots(rows), **parameters):
        slots.setdefault(unit, {})[number] = Slot(*counts)
    found = tuple(_record(span, row, slots.get(row[0], {})) for row in query(_totals(rows), **parameters))
    if (backoff := commitment.exclusions.backoff) is None:
        return found
    return _spared(found, query(_streaks(rows), **parameters), backoff)


def _sorted_rows(span: Span, commitment: Commitment, announced: Iterable[Announced]) -> tuple[str, dict[str, Any]]:
    """A query whose rows are requests, each sorted as the contract sees it; and its parameters."""
    formula, exclusions = commitment.formula, commitment.exclusions
    parameters: dict[str, Any] = {
        "provider": span.provider,
        "begins": to_ms(span.begins),
        "until": to_ms(span.until),
        "at": to_ms(span.at),
        "slot": span.slot_s * 1000,
        "covers": _pattern(commitment.covers),
        "leave_out": [reason.value for reason in exclusions.leave_out],
        "also_count": [reason.value for reason in exclusions.also_count],
        "first_token": formula.first_token * 1000 if isinstance(formula, LatencyAttainment) else NEVER_MS,
        "untimed": isinstance(formula, LatencyAttainment),
    }
    excluded = ["(outcome = 'failed' AND has({leave_out:Array(String)}, reason))"]
    for number, one in enumerate(announced):
        names = (f"from{number}", f"to{number}", f"of{number}")
        parameters |= dict(zip(names, (to_ms(one.begins), to_ms(one.ends), _pattern(one.covers)), strict=True))
        excluded.append(
            f"(NOT good AND ms >= {{{names[0]}:Int64}} AND ms < {{{names[1]}:Int64}} "
            f"AND match(target, {{{names[2]}:String}}))"
        )
    rows = f"""
SELECT {_UNITS[commitment.per]} AS unit, target, vantage, module, toUnixTimestamp64Milli(tick) AS ms,
       intDiv(ms - {{begins:Int64}}, {{slot:Int64}}) AS number, outcome,
       outcome IN ('ok', 'degraded') AS good,
       {" OR ".join(excluded)} AS excluded,
       outcome = 'failed' AND NOT excluded
         AND (reason NOT IN {UNKNOWN} OR has({{also_count:Array(String)}}, reason)) AS failed,
       NOT good AND NOT failed AND NOT excluded AS unknown,
       good AND {TRUSTED} AND first_token_ms IS NOT NULL AS timed,
       timed AND ifNull(first_token_ms, 0) > {{first_token:Float64}} AS late,
       outcome != 'not_observed' AND NOT (outcome = 'failed' AND reason IN {_CALLER}) AS asked
FROM {{database}}.observations
WHERE provider = {{provider:String}} AND tick >= fromUnixTimestamp64Milli({{begins:Int64}})
  AND tick < fromUnixTimestamp64Milli({{until:Int64}}) AND {known_before("at")}
  AND attempt = 0 AND source = 'active' AND {SERVES} AND match(target, {{covers:String}})"""
    return rows, parameters


def _slots(rows: str) -> str:
    """Slots that are not simply good."""
    return f"""
SELECT unit, number, {_COUNTS} FROM ({rows}) GROUP BY unit, number
HAVING countIf(failed OR unknown OR late) > 0 OR ({{untimed:Bool}} AND countIf(good AND NOT timed) > 0)
ORDER BY unit, number"""


def _totals(rows: str) -> str:
    """Sums over the whole span."""
    return f"""
SELECT unit, {_COUNTS}, countIf(asked), countIf(asked AND outcome = 'ok'), countIf(excluded AND outcome = 'failed'),
       min(ms), max(ms), arraySort(groupUniqArray(target))
FROM ({rows}) GROUP BY unit ORDER BY unit"""


def _streaks(rows: str) -> str:
    """Every failure that counts, with the streak that it is in: how many good ones its series had before."""
    return f"""
SELECT unit, target, vantage, module, streak, ms FROM
  (SELECT *, sum(good) OVER (PARTITION BY target, vantage, module ORDER BY ms ROWS UNBOUNDED PRECEDING) AS streak
   FROM ({rows}))
WHERE failed ORDER BY target, vantage, module, streak, ms"""


def _record(span: Span, row: Sequence[Any], slots: Mapping[int, Slot]) -> Record:
    unit, *counts, asked, pleased, left_out, first_ms, last_ms, targets = row
    return Record(
        unit=unit,
        begins=span.begins,
        until=span.until,
        slot_s=span.slot_s,
        slots=slots,
        total=Slot(*counts),
        asked=asked,
        pleased=pleased,
        left_out=left_out,
        first=of_ms(first_ms),
        last=of_ms(last_ms),
        targets=tuple(targets),
    )


def _spared(found: Iterable[Record], failures: Iterable[Sequence[Any]], backoff: Backoff) -> tuple[Record, ...]:
    """*found* without the failures that the back-off rule discounts."""
    by_unit: dict[str, list[int]] = {}
    for (unit, *_), ms in discounted(((tuple(row[:5]), row[5]) for row in failures), backoff):
        by_unit.setdefault(unit, []).append(ms)
    return tuple(_less(record, by_unit.get(record.unit, [])) for record in found)


def _less(record: Record, spared_ms: Sequence[int]) -> Record:
    by_slot = Counter(record.number(of_ms(ms)) for ms in spared_ms)
    slots = dict(record.slots)
    for number, n in by_slot.items():
        slots[number] = replace(slots[number], failed=slots[number].failed - n)
    n = len(spared_ms)
    total = replace(record.total, failed=record.total.failed - n)
    return replace(record, slots=slots, total=total, left_out=record.left_out + n)


def _pattern(covers: Iterable[str]) -> str:
    """Patterns with * and ? as one regular expression of the store's."""
    either = "|".join("".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in one) for one in covers)
    return f"^(?:{either})$"

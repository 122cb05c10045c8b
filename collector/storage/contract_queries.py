"""
What a contract counts by: requests by unit and slot, sorted as its exclusions say.

Only rows taken in before `at`. First attempts of our own probes of kinds that serve: re-probes page, they never count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from collector.judgement.sla.account import Share
from collector.judgement.sla.backoff import discounted
from collector.judgement.sla.record import FAILURE_COLUMNS, FAILURES_MAX, Control, Record, Slot
from collector.storage.client import of_ms, to_ms
from collector.storage.fact_queries import CALLER, UNKNOWN, known_before
from collector.storage.first_token_sql import SERVES, TRUSTED
from schemas.contract import Backoff, LatencyAttainment

Query = Callable[..., Sequence[Sequence[Any]]]

_UNITS: Mapping[str, str] = MappingProxyType(
    {"provider": "provider", "region": "concat(provider, ' ', region)", "cluster": "cluster", "target": "target"}
)
NEVER_MS = 1e18  # a first token that comes later than that is late in no contract
_COUNTS = "countIf(good), countIf(failed), countIf(unknown), countIf(timed), countIf(late)"
_CONTROLS = f"""
SELECT intDiv(toUnixTimestamp64Milli(tick) - {{begins:Int64}}, {{slot:Int64}}) AS number, count(),
       countIf(outcome IN ('ok', 'degraded')), uniqExact(provider), uniqExact(vantage)
FROM {{database}}.observations
WHERE provider != {{provider:String}} AND tick >= fromUnixTimestamp64Milli({{begins:Int64}})
  AND tick < fromUnixTimestamp64Milli({{until:Int64}}) AND {known_before("at")}
  AND attempt = 0 AND source = 'active' AND {SERVES} AND outcome != 'not_observed'
  AND number IN {{numbers:Array(Int64)}}
GROUP BY number ORDER BY number"""


def records(query: Query, share: Share, at: datetime) -> tuple[Record, ...]:
    """What was seen of every unit of *share* as known at *at*; nothing of one that nobody asked. Raises as *query*."""
    rows, parameters = _sorted_rows(share, at)
    slots: dict[str, dict[int, Slot]] = {}
    for unit, number, *counts in query(_slots(rows), **parameters):
        slots.setdefault(unit, {})[number] = Slot(*counts)
    found = tuple(_record(share, row, slots.get(row[0], {})) for row in query(_totals(rows), **parameters))
    if (backoff := share.commitment.exclusions.backoff) is None:
        return found
    return _spared(found, query(_streaks(rows), **parameters), backoff)


def failures(query: Query, share: Share, at: datetime) -> Sequence[Sequence[Any]]:
    """The requests that count against the provider: FAILURE_COLUMNS, at most FAILURES_MAX, the earliest first."""
    rows, parameters = _sorted_rows(share, at)
    return query(_bad(rows), **parameters)


def controls(query: Query, share: Share, at: datetime, numbers: Sequence[int]) -> dict[int, Control]:
    """How requests to all other providers fared in the slots *numbers*, from the same vantages and at the same time."""
    parameters = _sorted_rows(share, at)[1] | {"numbers": list(numbers)}
    return {number: Control(*counts) for number, *counts in query(_CONTROLS, **parameters)}


def _sorted_rows(share: Share, at: datetime) -> tuple[str, dict[str, Any]]:
    """A query whose rows are requests, each sorted as the contract sees it; and its parameters."""
    commitment = share.commitment
    formula, exclusions = commitment.formula, commitment.exclusions
    parameters: dict[str, Any] = {
        "provider": share.provider,
        "begins": to_ms(share.month.begins),
        "until": to_ms(share.until),
        "at": to_ms(at),
        "slot": share.slot_s * 1000,
        "covers": _pattern(commitment.covers),
        "leave_out": [reason.value for reason in exclusions.leave_out],
        "also_count": [reason.value for reason in exclusions.also_count],
        "first_token": formula.first_token * 1000 if isinstance(formula, LatencyAttainment) else NEVER_MS,
        "untimed": isinstance(formula, LatencyAttainment),
    }
    excluded = ["(outcome = 'failed' AND has({leave_out:Array(String)}, reason))"]
    for number, one in enumerate(share.spared):
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
       outcome != 'not_observed' AND NOT (outcome = 'failed' AND reason IN {CALLER}) AS asked,
       kind, reason, detail, http_status, server_request_id, connection, sent_ms, first_token_ms, total_ms,
       agent_version
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


def _bad(rows: str) -> str:
    """Every request that counts against the provider; late ones for a contract of latency."""
    return f"""
SELECT {", ".join(FAILURE_COLUMNS)} FROM ({rows}) WHERE failed OR late ORDER BY ms, target, vantage, module
LIMIT {FAILURES_MAX}"""


def _streaks(rows: str) -> str:
    """Every failure that counts, with the streak that it is in: how many good ones its series had before."""
    return f"""
SELECT unit, target, vantage, module, streak, ms FROM
  (SELECT *, sum(good) OVER (PARTITION BY target, vantage, module ORDER BY ms ROWS UNBOUNDED PRECEDING) AS streak
   FROM ({rows}))
WHERE failed ORDER BY target, vantage, module, streak, ms"""


def _record(share: Share, row: Sequence[Any], slots: Mapping[int, Slot]) -> Record:
    unit, *counts, asked, pleased, left_out, first_ms, last_ms, targets = row
    return Record(
        unit=unit,
        begins=share.month.begins,
        until=share.until,
        slot_s=share.slot_s,
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

"""
The incidents that a provider is charged with, from the copies of transitions, as they were known at an instant.

Only what was decided a minute before: whoever judges at an instant has copied that before. Parameters: at, a (the
window's beginning; ms).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.judgement.charged_incidents import LEVELS, SEVERITIES, SIGNALS, Charged, IncidentRecord, Step, down_s
from collector.storage.client import Client, of_ms, to_ms
from collector.storage.fact_queries import UNKNOWN
from schemas.config import TierPolicy
from schemas.incident import IncidentState, Level
from schemas.response import SuppressionKind

COPIED_AFTER = timedelta(minutes=1)


def _listed(names: Iterable[str]) -> str:
    return "(" + ", ".join(f"'{name}'" for name in sorted(names)) + ")"


# Planned windows, by id. What holds pages in the moment (a silence) takes nothing from anybody's record.
WINDOWS = f"""
SELECT groupUniqArray(subject) FROM {{database}}.responses
WHERE what = '{SuppressionKind.MAINTENANCE}' AND refused = '' AND at < fromUnixTimestamp64Milli({{at:Int64}})"""

# Of the last two windows: a collector that was away for one has nothing to say of it. Parameters: before (ms), block
# (s).
JUDGED = """
SELECT provider, toUnixTimestamp64Milli(min(at)),
       groupUniqArrayIf(intDiv(toUnixTimestamp(at), {block:UInt32}) * {block:UInt32},
                        at >= fromUnixTimestamp64Milli({a:Int64}))
FROM {database}.verdicts
WHERE at < fromUnixTimestamp64Milli({at:Int64}) AND at >= fromUnixTimestamp64Milli({before:Int64})
GROUP BY provider ORDER BY provider"""

# A step is (seq, at in ms, state, blind, held). Those that are not over, or were over after `a`. Parameter: windows.
CHARGED = f"""
SELECT argMax(provider, seq) AS whose, incident, argMax(level, seq) AS about, argMax(scope, seq),
       toUnixTimestamp64Milli(argMax(failed_at, seq)), argMax(state, seq) AS stands,
       arraySort(groupArray((seq, toUnixTimestamp64Milli(at), state, blind,
                             has({{windows:Array(String)}}, suppressed_by))))
FROM {{database}}.incident_transitions FINAL
WHERE at < fromUnixTimestamp64Milli({{at:Int64}})
GROUP BY incident
HAVING whose != '' AND about IN {_listed(LEVELS)} AND argMax(signal, seq) IN {_listed(SIGNALS)}
   AND min(severity) IN {_listed(SEVERITIES)} AND argMax(reason, seq) NOT IN {UNKNOWN}
   AND stands != '{IncidentState.CHILD}'
   AND (stands != '{IncidentState.RESOLVED}' OR max(at) > fromUnixTimestamp64Milli({{a:Int64}}))
ORDER BY whose, incident"""


async def records_at(client: Client, at: datetime, policy: TierPolicy) -> dict[str, IncidentRecord]:
    """The incidents of every provider that was judged before *at*, as they were known then."""
    window, known = timedelta(seconds=policy.window), at - COPIED_AFTER
    bounds = {"at": to_ms(known), "a": to_ms(at - window)}
    judged = await client.rows(JUDGED, **bounds, before=to_ms(at - 2 * window), block=int(policy.block))
    ((windows,),) = await client.rows(WINDOWS, at=bounds["at"])
    charged = _charged(await client.rows(CHARGED, **bounds, windows=list(windows)), at)
    return {
        provider: IncidentRecord(
            since=of_ms(first),
            judged=frozenset(datetime.fromtimestamp(start, UTC) for start in starts),
            incidents=tuple(charged.get(provider, ())),
        )
        for provider, first, starts in judged
    }


def _charged(rows: Iterable[Sequence[Any]], at: datetime) -> dict[str, list[Charged]]:
    """Rows of CHARGED by provider, without those that nothing is charged of."""
    found: dict[str, list[Charged]] = {}
    for provider, id, level, scope, failed_ms, _, several in rows:
        steps = [
            Step(of_ms(ms), IncidentState(state), bool(blind), bool(held)) for _, ms, state, blind, held in several
        ]
        over = steps[-1].at if steps[-1].state is IncidentState.RESOLVED else None
        if charged_s := down_s(of_ms(failed_ms), steps, at):
            found.setdefault(provider, []).append(Charged(id, Level(level), scope, over, charged_s))
    return found

"""
The SQL that the judge's facts come from: only rows taken in before `at`, so the same `at` always gives the same facts.

Parameters: a, at (ms since the epoch), block (s).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from collector.judgement.facts import Block, ProviderFacts, together
from collector.storage.client import of_ms
from collector.storage.first_token_sql import ANSWERED, SERVES, bucket_sql
from schemas.observation import BLAME, Blame


def _blamed(*several: Blame) -> str:
    return "(" + ", ".join(sorted(f"'{reason}'" for reason, blame in BLAME.items() if blame in several)) + ")"


CALLER = _blamed(Blame.CALLER)
UNKNOWN = _blamed(Blame.CALLER, Blame.UNKNOWN)  # failed, but not by the provider's fault


def start_of(stamp: str, parameter: str) -> str:
    """The start, in s, of the block of time of *parameter* (s) in which the column *stamp* lies, as `start`."""
    return f"intDiv(toUnixTimestamp({stamp}), {{{parameter}:UInt32}}) * {{{parameter}:UInt32}} AS start"


def known_before(parameter: str) -> str:
    """
    Rows taken in before *parameter* (ms since the epoch).

    Past the index of ingested_at, which is for finding what is new: looking it up in every part takes 50 ms, and nearly
    every row is older.
    """
    return f"identity(ingested_at) < fromUnixTimestamp64Milli({{{parameter}:Int64}})"


# attempt 0 only: confirmation re-probes page, they never count.
_ROWS = f"""tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND tick < fromUnixTimestamp64Milli({{at:Int64}})
  AND {known_before("at")} AND attempt = 0 AND source = 'active'"""
_SERVED = f"{_ROWS} AND {SERVES}"

BLOCKS = f"""
SELECT provider, cluster, model, {start_of("tick", "block")},
       countIf(outcome = 'ok'), countIf(outcome = 'degraded'),
       countIf(outcome = 'failed' AND reason NOT IN {UNKNOWN}),
       countIf(outcome = 'failed' AND reason IN {UNKNOWN}),
       countIf(outcome = 'not_observed'),
       toUnixTimestamp64Milli(min(tick)), toUnixTimestamp64Milli(max(tick))
FROM {{database}}.observations WHERE {_SERVED}
GROUP BY provider, cluster, model, start ORDER BY provider, cluster, model, start"""

REASONS = f"""
SELECT provider, cluster, model, reason, count() FROM {{database}}.observations WHERE {_SERVED} AND reason != ''
GROUP BY provider, cluster, model, reason ORDER BY provider, cluster, model, reason"""

# A prompt of 10,000 tokens is meant to take its time: the gate is of short ones.
LATENCY = f"""
SELECT provider, cluster, model, connection, {bucket_sql("first_token_ms")} AS bucket, count()
FROM {{database}}.observations WHERE {_SERVED} AND {ANSWERED} AND kind != 'long_prompt'
GROUP BY provider, cluster, model, connection, bucket ORDER BY provider, cluster, model, connection, bucket"""


def facts_of(
    blocks: Iterable[Sequence[Any]], reasons: Iterable[Sequence[Any]], latency: Iterable[Sequence[Any]]
) -> dict[str, ProviderFacts]:
    """The facts of every provider, with those of each model on each cluster, from the rows of the three queries."""
    counts: defaultdict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    for provider, cluster, model, reason, n in reasons:
        counts[provider, cluster, model][reason] = n
    histograms: defaultdict[tuple[str, str, str], dict[str, dict[int, int]]] = defaultdict(dict)
    for provider, cluster, model, connection, bucket, n in latency:
        histograms[provider, cluster, model].setdefault(connection, {})[bucket] = n
    seen: defaultdict[tuple[str, str, str], list[tuple[Block, int, int]]] = defaultdict(list)
    for provider, cluster, model, start, *of_block, first, last in blocks:
        seen[provider, cluster, model].append(
            (Block(cluster, datetime.fromtimestamp(start, UTC), *of_block), first, last)
        )
    parts: defaultdict[str, dict[tuple[str, str], ProviderFacts]] = defaultdict(dict)
    for (provider, cluster, model), several in sorted(seen.items()):
        parts[provider][cluster, model] = ProviderFacts(
            provider=provider,
            blocks=tuple(block for block, _, _ in several),
            reasons=counts[provider, cluster, model],
            ttft_hists=histograms[provider, cluster, model],
            first_tick=of_ms(min(first for _, first, _ in several)),
            last_tick=of_ms(max(last for _, _, last in several)),
        )
    return {provider: replace(together(provider, of.values()), parts=of) for provider, of in parts.items()}

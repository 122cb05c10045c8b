"""
The SQL of how two groups of clients fared with the same: our probes and real traffic, known accounts and fresh ones.

A stratum is one target over one block of time, for first tokens also one class of prompt length; those that only one
group saw are left out, and of too many the newest are read. Parameters as in side_queries.py, and those of the
accounts: accounts (names) and known_from (ms since the epoch: from when on each is known). Only rows taken in before b,
and sums of decimals, which are the same in any order, so the same b always gives the same strata. Of our probes, whole
hours of [f, h) come from rollups (see cover.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from collector.judgement.double_standard import FailureStratum, Logs, TtftStratum
from collector.judgement.integrity.treatment import FRESH_DAYS, Groups, Strata
from collector.storage.burn_queries import Rows
from collector.storage.comparison_rollups import SIZE, TREATED
from collector.storage.cover import IN_HOURS, Cover
from collector.storage.fact_queries import known_before
from collector.storage.series_queries import PLACE
from collector.storage.side_queries import ACTIVE, NEWER, ROWS, STEP_S, TRAFFIC, window_of

STRATA_READ_MAX = 200_000  # of one provider, of either test
ACCOUNTS_READ_MAX = 1_000  # of one provider, the latest; older ones than that are known

_BY_ACCOUNT = f"{{database}}.observations WHERE {ROWS} AND {ACTIVE} AND account != ''"
_KNOWN = "toUnixTimestamp64Milli(tick) >= {known_from:Array(Int64)}[indexOf({accounts:Array(String)}, account)]"


def _block(stamp: str) -> str:
    return f"intDiv(toUnixTimestamp({stamp}), {{step:UInt32}}) AS block"


def _counted(first: str, rows: str) -> str:
    """What became of *rows*, and which of them are *first*."""
    return f"""SELECT target, {_block("tick")}, {SIZE} AS size, toBool({first}) AS first, {TREATED}
      FROM {rows} GROUP BY target, block, size, first"""


_ROLLED = f"""SELECT target, {_block("t")}, size, true AS first, sum(n_known) AS known, sum(n_failed) AS failed,
             sum(n_timed) AS timed, sum(ln) AS logs, sum(ln_squares) AS squares
      FROM {{database}}.treatment_hour FINAL WHERE {PLACE} AND {IN_HOURS} GROUP BY target, block, size"""
_TREATED = " UNION ALL ".join((_ROLLED, _counted("false", TRAFFIC), _counted("true", NEWER)))
_TREATED_BY_ACCOUNT = _counted(_KNOWN, _BY_ACCOUNT)


def _failures(treated: str) -> str:
    """Requests and failures by the provider's fault of those that are first, then of the others."""
    return f"""
SELECT sumIf(known, first) AS n, sumIf(failed, first), sumIf(known, NOT first) AS others, sumIf(failed, NOT first)
FROM ({treated})
GROUP BY target, block HAVING n > 0 AND others > 0
ORDER BY block DESC, target LIMIT {STRATA_READ_MAX}"""


def _first_tokens(treated: str) -> str:
    """Sums of logarithms of the times to first token of those that are first, then of the others."""
    return f"""
SELECT sumIf(timed, first) AS n, toFloat64(sumIf(logs, first)), toFloat64(sumIf(squares, first)),
       sumIf(timed, NOT first) AS others, toFloat64(sumIf(logs, NOT first)), toFloat64(sumIf(squares, NOT first))
FROM ({treated})
GROUP BY target, block, size HAVING n > 0 AND others > 0
ORDER BY block DESC, target, size LIMIT {STRATA_READ_MAX}"""


FAILURES, FIRST_TOKENS = _failures(_TREATED), _first_tokens(_TREATED)
FAILURES_BY_ACCOUNT, FIRST_TOKENS_BY_ACCOUNT = _failures(_TREATED_BY_ACCOUNT), _first_tokens(_TREATED_BY_ACCOUNT)

# Of every request that is stored, because an account is known by any of them.
FIRST_USES = f"""
SELECT account, toUnixTimestamp64Milli(min(tick)) AS ms FROM {{database}}.observations
WHERE provider = {{provider:String}} AND tick < fromUnixTimestamp64Milli({{b:Int64}}) AND {known_before("b")}
  AND {ACTIVE} AND account != '' AND outcome != 'not_observed'
GROUP BY account ORDER BY ms DESC, account LIMIT {ACCOUNTS_READ_MAX}"""


async def treated_at(rows: Rows, provider: str, start: datetime, at: datetime) -> dict[Groups, Strata]:
    """
    What both pairs of groups saw of *provider* over [start, at), as it was known at *at*, hour by hour.

    In longer blocks an honest provider with a bad hour every day would be noticed, for traffic that mostly comes then.
    """
    window = window_of(provider, start, at) | Cover().within(start, at) | {"step": STEP_S}
    traffic = Strata(failure_strata(await rows(FAILURES, **window)), ttft_strata(await rows(FIRST_TOKENS, **window)))
    return {
        Groups.PROBES_AND_TRAFFIC: traffic,
        Groups.KNOWN_AND_FRESH: await _by_account(rows, window),
    }


async def _by_account(rows: Rows, window: dict[str, Any]) -> Strata:
    """What known and fresh accounts saw; nothing where there are no two of which one is known before the other."""
    first_uses = await rows(FIRST_USES, provider=window["provider"], b=window["b"])
    if len(first_uses) < 2:
        return Strata()
    fresh_ms = timedelta(days=FRESH_DAYS) // timedelta(milliseconds=1)
    window = window | {
        "accounts": [account for account, _ in first_uses],
        "known_from": [ms + fresh_ms for _, ms in first_uses],
    }
    return Strata(
        failure_strata(await rows(FAILURES_BY_ACCOUNT, **window)),
        ttft_strata(await rows(FIRST_TOKENS_BY_ACCOUNT, **window)),
    )


def failure_strata(rows: Iterable[Sequence[Any]]) -> tuple[FailureStratum, ...]:
    """Rows of FAILURES or FAILURES_BY_ACCOUNT."""
    return tuple(FailureStratum(*row) for row in rows)


def ttft_strata(rows: Iterable[Sequence[Any]]) -> tuple[TtftStratum, ...]:
    """Rows of FIRST_TOKENS or FIRST_TOKENS_BY_ACCOUNT."""
    return tuple(TtftStratum(Logs(*row[:3]), Logs(*row[3:])) for row in rows)

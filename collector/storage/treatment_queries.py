"""
The SQL of how two groups of clients fared with the same: our probes and real traffic, known accounts and fresh ones.

A stratum is one target over one block of time, for first tokens also one class of prompt length; those that only one
group saw are left out, and of too many blocks the newest are read. Parameters as in side_queries.py, and those of the
accounts: accounts (names) and known_from (ms since the epoch: from when on each is known). Only rows taken in before b,
and sums of decimals, which are the same in any order, so the same b always gives the same strata. Whole hours of [f, h)
come from rollups (see cover.py), but for accounts.
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
from collector.storage.fact_queries import known_before, start_of
from collector.storage.series_queries import PLACE
from collector.storage.side_queries import ACTIVE, FACTS, ROWS, STEP_S, window_of

BLOCKS_READ_MAX = 200_000  # of all targets of one provider
ACCOUNTS_READ_MAX = 1_000  # of one provider, the latest; older ones than that are known

_BY_ACCOUNT = f"{{database}}.observations WHERE {ROWS} AND {ACTIVE} AND account != ''"
_KNOWN = "toUnixTimestamp64Milli(tick) >= {known_from:Array(Int64)}[indexOf({accounts:Array(String)}, account)]"


def _counted(first: str, rows: str) -> str:
    """What became of *rows*, and which of them are *first*."""
    return f"""SELECT target, {start_of("tick", "step")}, {SIZE} AS size, toBool({first}) AS first, {TREATED}
      FROM {rows} GROUP BY target, start, size, first"""


_ROLLED = f"""SELECT target, {start_of("t", "step")}, size, {ACTIVE} AS first, sum(n_known) AS known,
             sum(n_failed) AS failed, sum(n_timed) AS timed, sum(ln) AS logs, sum(ln_squares) AS squares
      FROM {{database}}.treatment_hour FINAL WHERE {PLACE} AND {IN_HOURS} GROUP BY target, start, size, first"""
_TREATED = f"{_ROLLED} UNION ALL {_counted(ACTIVE, FACTS)}"
_TREATED_BY_ACCOUNT = _counted(_KNOWN, _BY_ACCOUNT)


def _strata(treated: str) -> str:
    """
    By block and target that both groups asked: requests and failures by the provider's fault, of those first, then of
    the others; and of the classes of prompt length in which both were timed, n, sum and squares of logarithms.
    """
    return f"""
SELECT sum(known_first) AS n, sum(failed_first), sum(known_others) AS others, sum(failed_others),
       arraySort(groupArrayIf((size, timed_first, logs_first, squares_first, timed_others, logs_others, squares_others),
                              timed_first > 0 AND timed_others > 0))
FROM
(
  SELECT target, start, size, sumIf(known, first) AS known_first, sumIf(known, NOT first) AS known_others,
         sumIf(failed, first) AS failed_first, sumIf(failed, NOT first) AS failed_others,
         sumIf(timed, first) AS timed_first, sumIf(timed, NOT first) AS timed_others,
         toFloat64(sumIf(logs, first)) AS logs_first, toFloat64(sumIf(logs, NOT first)) AS logs_others,
         toFloat64(sumIf(squares, first)) AS squares_first, toFloat64(sumIf(squares, NOT first)) AS squares_others
  FROM ({treated}) GROUP BY target, start, size
)
GROUP BY target, start HAVING n > 0 AND others > 0
ORDER BY start DESC, target LIMIT {BLOCKS_READ_MAX}"""


STRATA, STRATA_BY_ACCOUNT = _strata(_TREATED), _strata(_TREATED_BY_ACCOUNT)

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
    return {
        Groups.PROBES_AND_TRAFFIC: strata_of(await rows(STRATA, **window)),
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
    return strata_of(await rows(STRATA_BY_ACCOUNT, **window))


def strata_of(rows: Iterable[Sequence[Any]]) -> Strata:
    """Rows of STRATA or STRATA_BY_ACCOUNT."""
    failures, first_tokens = [], []
    for *counts, timed in rows:
        failures.append(FailureStratum(*counts))
        first_tokens += [TtftStratum(Logs(*one[1:4]), Logs(*one[4:])) for one in timed]
    return Strata(tuple(failures), tuple(first_tokens))

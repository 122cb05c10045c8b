"""The SQL of stored verdicts, and the verdict that a stored body is."""

from __future__ import annotations

import json
from datetime import datetime

from schemas.verdict import Gate, Tier, Verdict

# Bodies are read for the newest row of each provider only.
LATEST = """
SELECT any(body) FROM {database}.verdicts WHERE (provider, at) IN
  (SELECT provider, max(at) FROM {database}.verdicts
   WHERE at <= fromUnixTimestamp64Milli({at:Int64}) AND ({provider:String} = '' OR provider = {provider:String})
   GROUP BY provider)
GROUP BY provider ORDER BY provider"""

SINCE = """
SELECT provider, min(at) FROM
  (SELECT provider, at, maxIf(at, tier != current) OVER (PARTITION BY provider) AS changed FROM
    (SELECT provider, at, tier, argMax(tier, at) OVER (PARTITION BY provider) AS current FROM {database}.verdicts))
WHERE at > changed GROUP BY provider ORDER BY provider"""

NEWEST = "SELECT max(at), count() FROM {database}.verdicts"

HISTORY = """
SELECT body FROM {database}.verdicts FINAL WHERE provider = {provider:String} ORDER BY at DESC LIMIT {limit:UInt32}"""


def verdict_of(body: str) -> Verdict:
    """The verdict whose `canonical_json` is *body*."""
    plain = json.loads(body)
    return Verdict(
        **plain
        | {
            "at": datetime.fromisoformat(plain["at"]),
            "window_start": datetime.fromisoformat(plain["window_start"]),
            "tier": Tier(plain["tier"]),
            "previous": Tier(plain["previous"]) if plain["previous"] else None,
            "reasons": tuple(plain["reasons"]),
            "gates": tuple(Gate(**gate | {"tier": Tier(gate["tier"])}) for gate in plain["gates"]),
        }
    )

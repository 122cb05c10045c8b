"""The SQL of stored verdicts, and the verdict that a stored body is."""

from __future__ import annotations

from pydantic import TypeAdapter

from schemas.verdict import Verdict

# Bodies are read for the newest row of each provider only.
LATEST = """
SELECT any(body) FROM {database}.verdicts WHERE (provider, at) IN
  (SELECT provider, max(at) FROM {database}.verdicts
   WHERE at <= fromUnixTimestamp64Milli({at:Int64}) AND ({provider:String} = '' OR provider = {provider:String})
   GROUP BY provider)
GROUP BY provider ORDER BY provider"""

# A tier is held from the newest verdict that was of another tier than the one before it.
SINCE = """
SELECT provider, max(at) FROM {database}.verdicts WHERE tier != previous GROUP BY provider ORDER BY provider"""

# Every verdict that put the provider, or a part of it, into another tier.
CHANGES = """
SELECT body FROM {database}.verdicts FINAL
WHERE provider = {provider:String} AND (tier != previous OR notEmpty(changed)) ORDER BY at DESC LIMIT {limit:UInt32}"""

NEWEST = "SELECT max(at), count() FROM {database}.verdicts"

_VERDICT = TypeAdapter(Verdict)


def verdict_of(body: str) -> Verdict:
    """The verdict whose `canonical_json` is *body*."""
    return _VERDICT.validate_json(body)

"""
What counts as a time to first token, in SQL: the same as `collector/judgement/first_token.py` says in Python.

Sums are made in Float64 of the Float32 that are stored, so both give the same bucket.
"""

from __future__ import annotations

from collector.judgement.first_token import FIRST_TOKEN_KINDS, WAITED_REASONS
from schemas.probe_kinds import SERVING_KINDS

SERVES = "kind IN (" + ", ".join(f"'{kind}'" for kind in sorted(SERVING_KINDS)) + ")"
MODEL_KINDS = "(" + ", ".join(f"'{kind}'" for kind in sorted(FIRST_TOKEN_KINDS)) + ")"
_REASONS = "(" + ", ".join(f"'{reason}'" for reason in sorted(WAITED_REASONS)) + ")"

TRUSTED = "distrust = ''"
ANSWERED = f"({TRUSTED} AND outcome IN ('ok', 'degraded') AND first_token_ms IS NOT NULL)"
WAITED = (
    f"({TRUSTED} AND outcome = 'failed' AND reason IN {_REASONS} AND kind IN {MODEL_KINDS} AND first_token_ms IS NULL "
    "AND total_ms IS NOT NULL)"
)
INTENDED_MS = (
    "toFloat64(late_ms) + if(isNotNull(first_token_ms), toFloat64(ifNull(sent_ms, 0)) + "
    "toFloat64(ifNull(first_token_ms, 0)), toFloat64(ifNull(total_ms, 0)))"
)


def bucket_sql(milliseconds: str) -> str:
    """The log bucket of the expression *milliseconds*; as `facts.bucket_of`."""
    return f"toInt16(ceil(log(greatest(toFloat64({milliseconds}), 0.01)) / log(1.02)))"

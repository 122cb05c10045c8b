"""Relations of providers as JSON and CSV: spans in minutes, shares and chances as numbers, times in ISO 8601 UTC."""

from __future__ import annotations

from typing import Any

from collector.exports.csv_table import table
from collector.judgement.correlation.co_failure import CoFailure
from collector.judgement.correlation.relations import Relations
from collector.judgement.correlation.shared_infrastructure import Shared
from collector.judgement.correlation.suppliers import Supply


def plain(found: Relations) -> dict[str, Any]:
    """*found* as JSON has it."""
    return {
        "begins": found.begins.isoformat(),
        "ends": found.ends.isoformat(),
        "at": found.at.isoformat(),
        "pairs": [_pair(one) for one in found.pairs],
        "shared": [_shared(one) for one in found.shared],
        "groups": [list(one) for one in found.groups],
        "supplies": [_supply(one) for one in found.supplies],
    }


def as_csv(found: Relations) -> str:
    """One line for each pair, with a heading; texts that a spreadsheet would execute are made harmless."""
    return table([_pair(one) for one in found.pairs])


def _pair(one: CoFailure) -> dict[str, Any]:
    return {
        "a": one.a,
        "b": one.b,
        "standing": one.standing.value,
        "counted_as_one": one.linked,
        "n_buckets": one.n,
        "left_out_buckets": one.left_out,
        "down_a_min": one.minutes(one.down_a),
        "down_b_min": one.minutes(one.down_b),
        "together_min": one.minutes(one.both),
        "expected_min": one.minutes(one.expected),
        "lift": one.lift,
        "share": one.share,
        "outages_a": one.episodes_a,
        "outages_b": one.episodes_b,
        "outages_together": one.episodes_both,
        "p_shift": one.p_shift,
        "p_hour": one.p_hour,
        "q": one.q,
        "smallest_min": None if one.smallest is None else one.minutes(one.smallest),
        "smallest_lift": one.smallest_lift,
    }


def _shared(one: Shared) -> dict[str, Any]:
    return {
        "a": one.a,
        "b": one.b,
        "what": one.what.value,
        "value": one.value,
        "weight": one.weight.value,
        "n_a": one.n_a,
        "n_b": one.n_b,
        "last_a": one.last_a.isoformat(),
        "last_b": one.last_b.isoformat(),
    }


def _supply(one: Supply) -> dict[str, Any]:
    return {
        "model": one.model,
        "groups": [list(group) for group in one.groups],
        "shares": dict(one.shares),
        "by_load": one.by_load,
        "effective": one.effective,
        "if_independent": one.apart,
    }

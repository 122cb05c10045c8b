"""
What looks at engines' pages told, in SQL: counts, and of each figure a histogram, how many looks told which value.

A series that is not on a page is no figure, so that nothing unknown is ever zero. A value's bucket is its bfloat16: the
upper 16 bits of its Float32, rounded to nearest. So it is kept within 1/256 of itself, and zero and whole numbers up to
256, which requests are counted by, as they are.
"""

from __future__ import annotations

from collector.judgement.capacity.holdings import KIND

LOOKS = f"kind = '{KIND}'"
FIGURES = ", ".join(
    f"mapContains(figures, '{name}') AS has_{name}, figures['{name}'] AS {name}"
    for name in ("kv_cache_share", "running", "waiting", "gpu_util_share", "gpus")
)
# Name of the spread, of what, over which looks.
_SPREADS = (
    ("kv", "kv_cache_share", "has_kv_cache_share"),
    ("running", "running", "has_running"),
    ("waiting", "waiting", "has_waiting"),
    ("load", "running + waiting", "has_running AND has_waiting"),
    ("gpu_util", "gpu_util_share", "has_gpu_util_share"),
    ("per_request", "kv_cache_share / running", "has_kv_cache_share AND has_running AND running > 0"),
    ("running_queued", "running", "has_running AND has_waiting AND waiting > 0"),
)
SPREADS = tuple(name for name, *_ in _SPREADS)


def _bucket(value: str) -> str:
    return f"toUInt16(bitShiftRight(reinterpretAsUInt32(toFloat32({value})) + 32768, 16))"


COUNTED = """count() AS n, countIf(outcome IN ('ok', 'degraded')) AS n_read,
       countIf(has_waiting AND waiting > 0) AS n_queued, countIf(has_gpus) AS n_gpus, min(tick) AS first_tick"""
COUNTS = ("n", "n_read", "n_queued", "n_gpus", "first_tick")
HISTOGRAMS = tuple(f"{name}_hist" for name in SPREADS)
TOLD = ", ".join(
    f"sumMapIf(map({_bucket(value)}, 1::UInt64), {looks}) AS {name}_hist" for name, value, looks in _SPREADS
)

# Buckets, and how many looks told each: as histograms have them, and of looks that none was made of, one after the other.
FROM_HISTOGRAMS = ", ".join(
    f"mapKeys({name}_hist) AS {name}_buckets, mapValues({name}_hist) AS {name}_looks" for name in SPREADS
)
FROM_LOOKS = ", ".join(
    f"groupArrayIf({_bucket(value)}, {looks}) AS {name}_buckets, "
    f"arrayWithConstant(length({name}_buckets), 1::UInt64) AS {name}_looks"
    for name, value, looks in _SPREADS
)


def values_sql(buckets: str) -> str:
    """The values that stand for *buckets*."""
    return f"arrayMap(bucket -> toFloat64(reinterpretAsFloat32(bitShiftLeft(toUInt32(bucket), 16))), {buckets})"

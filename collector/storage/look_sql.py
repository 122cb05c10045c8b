"""
What looks at engines' pages told, in SQL: counts, and of each figure a histogram, how many looks told which value.

A series that is not on a page is no figure, so that nothing unknown is ever zero. A value's bucket is its ten leading
bits: the upper bits of a Float32, rounded to nearest, where a scale of 2^-63 leaves the sign's and one of the
exponent's unused. So a value is kept within 1/1024 of itself, and zero and whole numbers up to 1024, as most counts of
requests are, without a change. What a page tells may be absurd: below zero is zero, beyond 1e18 is 1e18.
"""

from __future__ import annotations

from collector.judgement.capacity.holdings import KIND

IS_LOOK = f"kind = '{KIND}'"
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
_SCALE = "9223372036854775808."  # 2^63
SPREADS = tuple(name for name, *_ in _SPREADS)


def _bucket(value: str) -> str:
    scaled = f"toFloat32(greatest(least({value}, 1e18), 0.) / {_SCALE})"
    return f"toUInt16(bitShiftRight(reinterpretAsUInt32({scaled}) + 8192, 14))"


COUNTED = """count() AS n, countIf(outcome IN ('ok', 'degraded')) AS n_read,
       countIf(has_waiting AND waiting > 0) AS n_queued, countIf(has_gpus) AS n_gpus, min(tick) AS first_tick"""
COUNTS = ("n", "n_read", "n_queued", "n_gpus", "first_tick")
HISTOGRAMS = tuple(f"{name}_hist" for name in SPREADS)
TOLD = ", ".join(
    f"CAST(sumMapIf(map({_bucket(value)}, 1::UInt32), {looks}), 'Map(UInt16, UInt32)') AS {name}_hist"
    for name, value, looks in _SPREADS
)

# Buckets, and how many looks told each: as histograms have them, and of looks without one, each by itself.
FROM_HISTOGRAMS = ", ".join(
    f"mapKeys({name}_hist) AS {name}_buckets, mapValues({name}_hist) AS {name}_looks" for name in SPREADS
)
FROM_LOOKS = ", ".join(
    f"groupArrayIf({_bucket(value)}, {looks}) AS {name}_buckets, "
    f"arrayWithConstant(length({name}_buckets), 1::UInt32) AS {name}_looks"
    for name, value, looks in _SPREADS
)


def values_sql(buckets: str) -> str:
    """The values that stand for *buckets*."""
    value = f"toFloat64(reinterpretAsFloat32(bitShiftLeft(toUInt32(bucket), 14))) * {_SCALE}"
    return f"arrayMap(bucket -> {value}, {buckets})"

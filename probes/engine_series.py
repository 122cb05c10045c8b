"""
What vLLM, SGLang, TGI and NVIDIA's DCGM exporter call their series, and the figures that these become.

A series that is not on the page gives no figure: unknown, never zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from probes.exposition import Sample
from probes.reported_figures import FIGURE_LIMIT

GPU = ("UUID", "gpu", "GPU_I_ID")  # one GPU, or a part of it; other labels say who uses it, and repeat its samples


def mean(values: Iterable[float]) -> float:
    """The mean of one value or more."""
    return math.fsum(numbers := list(values)) / len(numbers)


def count(values: Iterable[float]) -> float:
    """How many there are."""
    return float(len(list(values)))


def not_zero(values: Iterable[float]) -> float:
    """How many are not zero."""
    return float(sum(value != 0 for value in values))


@dataclass(frozen=True, slots=True)
class Series:
    """
    One figure. *names* by preference: the first of them on the page counts, since the others are older names of it.

    *join* makes one number of several engines' or GPUs' samples; *label* and *values* choose among them; *by* are the
    labels that tell samples apart (all of them when empty).
    """

    figure: str
    names: tuple[str, ...]
    join: Callable[[Iterable[float]], float] = math.fsum
    factor: float = 1.0
    label: str = ""
    values: frozenset[str] = frozenset()
    by: tuple[str, ...] = ()


def _histogram(figure: str, *names: str) -> tuple[Series, Series]:
    """Sum and number of a histogram of seconds: between two pages, their differences give the mean."""
    return (
        Series(f"{figure}_sum_s", tuple(f"{name}_sum" for name in names)),
        Series(f"{figure}_count", tuple(f"{name}_count" for name in names)),
    )


def _counter(figure: str, *names: str) -> Series:
    """A counter, whose name ends in `_total` or, from other versions, does not."""
    return Series(figure, tuple(spelt for name in names for spelt in (f"{name}_total", name)))


def _finished(figure: str, values: Iterable[str], *names: str) -> tuple[Series, Series]:
    """vLLM's requests by their end, or other engines' counters of the same."""
    vllm = "vllm:request_success"
    by_end = Series(figure, (f"{vllm}_total", vllm), label="finished_reason", values=frozenset(values))
    return by_end, _counter(figure, *names)


def _gpu(figure: str, name: str, join: Callable[[Iterable[float]], float] = math.fsum, factor: float = 1.0) -> Series:
    return Series(figure, (f"DCGM_FI_DEV_{name}",), join, factor, by=GPU)


ENGINE: tuple[Series, ...] = (
    Series("running", ("vllm:num_requests_running", "sglang:num_running_reqs", "tgi_batch_current_size")),
    Series("waiting", ("vllm:num_requests_waiting", "sglang:num_queue_reqs", "tgi_queue_size")),
    # Both names of vLLM's say per cent and hold a share.
    Series("kv_cache_share", ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "sglang:token_usage"), max),
    Series("kv_tokens_used", ("sglang:num_used_tokens",)),
    Series("batch_tokens_max", ("tgi_batch_current_max_tokens",)),
    *_histogram("ttft", "vllm:time_to_first_token_seconds", "sglang:time_to_first_token_seconds"),
    *_histogram(
        "itl", "vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds",
        "sglang:inter_token_latency_seconds", "sglang:time_per_output_token_seconds",
    ),
    *_histogram("tpot", "vllm:request_time_per_output_token_seconds", "tgi_request_mean_time_per_token_duration"),
    *_histogram(
        "e2e", "vllm:e2e_request_latency_seconds", "sglang:e2e_request_latency_seconds", "tgi_request_duration"
    ),
    *_histogram("queue", "vllm:request_queue_time_seconds", "tgi_request_queue_duration"),
    _counter("prompt_tokens", "vllm:prompt_tokens", "sglang:prompt_tokens", "tgi_request_input_length_sum"),
    _counter(
        "generation_tokens", "vllm:generation_tokens", "sglang:generation_tokens", "tgi_request_generated_tokens_sum"
    ),
    Series("generation_tokens_per_s", ("sglang:gen_throughput",)),
    _counter("preemptions", "vllm:num_preemptions"),
    _counter("rejected", "vllm:admission_rejections"),
    _counter("corrupted", "vllm:corrupted_requests"),
    _counter("requests", "sglang:num_requests", "tgi_request_count"),
    *_finished("requests_ok", ("stop", "length"), "tgi_request_success"),
    *_finished("requests_aborted", ("abort",), "sglang:num_aborted_requests"),
    *_finished("requests_error", ("error",), "tgi_request_failure"),
    _counter("prefix_queries", "vllm:prefix_cache_queries"),
    _counter("prefix_hits", "vllm:prefix_cache_hits"),
    Series("prefix_hit_share", ("sglang:cache_hit_rate",), mean),
)  # fmt: skip
HARDWARE: tuple[Series, ...] = (
    _gpu("gpus", "GPU_TEMP", count),
    _gpu("gpu_temperature_c", "GPU_TEMP", max),
    _gpu("gpu_memory_temperature_c", "MEMORY_TEMP", max),
    _gpu("gpu_power_w", "POWER_USAGE"),
    _gpu("gpu_util_share", "GPU_UTIL", mean, 0.01),
    _gpu("gpu_sm_clock_mhz", "SM_CLOCK", min),
    _gpu("gpu_memory_used_mib", "FB_USED"),
    _gpu("gpu_memory_free_mib", "FB_FREE"),
    _gpu("gpus_with_xid", "XID_ERRORS", not_zero),
    _gpu("gpu_xid", "XID_ERRORS", max),
    _gpu("gpu_uncorrectable_rows", "UNCORRECTABLE_REMAPPED_ROWS"),
    _gpu("gpu_correctable_rows", "CORRECTABLE_REMAPPED_ROWS"),
    _gpu("gpus_row_remap_failed", "ROW_REMAP_FAILURE", not_zero),
    _gpu("gpu_ecc_single_bit", "ECC_SBE_VOL_TOTAL"),
    _gpu("gpu_ecc_double_bit", "ECC_DBE_VOL_TOTAL"),
    _gpu("gpu_pcie_replays", "PCIE_REPLAY_COUNTER"),
    _gpu("nvlink_crc_flit_errors", "NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL"),
    _gpu("nvlink_replay_errors", "NVLINK_REPLAY_ERROR_COUNT_TOTAL"),
    _gpu("nvlink_recovery_errors", "NVLINK_RECOVERY_ERROR_COUNT_TOTAL"),
)
SERIES = ENGINE + HARDWARE
NAMES = frozenset(name for series in SERIES for name in series.names)


def figures_of(samples: Sequence[Sample]) -> dict[str, float]:
    """The figures of a page's samples; those that are not on it are left out."""
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    figures: dict[str, float] = {}
    for series in SERIES:
        found = _joined(series, by_name)
        if found is not None and abs(found) < FIGURE_LIMIT:
            figures.setdefault(series.figure, found)
    return figures


def _joined(series: Series, by_name: Mapping[str, Sequence[Sample]]) -> float | None:
    """The figure of *series*; None where it is not on the page, and where a number of it is none."""
    name = next((name for name in series.names if name in by_name), None)
    if name is None:
        return None
    chosen = [one for one in by_name[name] if not series.label or one.labels.get(series.label) in series.values]
    apart = {_identity(one, series.by): one.value for one in chosen}
    if not apart or not all(math.isfinite(value) for value in apart.values()):
        return None
    return series.join(apart.values()) * series.factor


def _identity(sample: Sample, by: tuple[str, ...]) -> object:
    labels = sample.labels
    return tuple(labels.get(name) for name in by) if by else tuple(sorted(labels.items()))

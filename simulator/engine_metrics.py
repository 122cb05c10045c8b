"""The counters of a simulated engine under vLLM's names, and its GPUs under DCGM's, as Prometheus text."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

# The bucket bounds of vLLM's own histogram, in seconds, as far as they matter here.
TTFT_BOUNDS_S = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
STREAMS_MAX = 64
GPU_C = 61  # all of them
XID = 63  # a row was remapped


class EngineMetrics:
    """What one cluster counts."""

    def __init__(self, model: str) -> None:
        self._label = f'model_name="{model}"'
        self.running = 0
        self._finished: Counter[str] = Counter()
        self._prompt_tokens = self._generated_tokens = 0
        self._buckets = [0] * (len(TTFT_BOUNDS_S) + 1)
        self._ttft_sum_s = 0.0

    def first_token(self, ttft_s: float) -> None:
        """A first token went out *ttft_s* after the request came."""
        self._buckets[bisect_left(TTFT_BOUNDS_S, ttft_s)] += 1
        self._ttft_sum_s += ttft_s

    def finished(self, reason: str, *, prompt_tokens: int, generated_tokens: int) -> None:
        """A request was answered to its end."""
        self._finished[reason] += 1
        self._prompt_tokens += prompt_tokens
        self._generated_tokens += generated_tokens

    def text(self, load: Mapping[str, float] | None = None) -> str:
        """
        The exposition, text format 0.0.4: counters of what was answered here, gauges with *load* beside it.

        *load* is EngineLoad's; without it the engine is nobody else's, and tells no GPUs.
        """
        beside = load or {"running": 0.0, "waiting": 0.0, "kv_cache_share": 0.0}
        lines = [
            *self._gauge("num_requests_running", self.running + beside["running"]),
            *self._gauge("num_requests_waiting", max(0, self.running - STREAMS_MAX) + beside["waiting"]),
            *self._gauge("kv_cache_usage_perc", beside["kv_cache_share"] or min(1.0, self.running / STREAMS_MAX)),
            *self._counter("prompt_tokens_total", {"": self._prompt_tokens}),
            *self._counter("generation_tokens_total", {"": self._generated_tokens}),
            *self._counter("request_success_total", {reason: self._finished[reason] for reason in ("length", "stop")}),
            *self._histogram(),
            *_hardware(beside),
        ]
        return "\n".join(lines) + "\n"

    def _gauge(self, name: str, value: float) -> list[str]:
        return [f"# TYPE vllm:{name} gauge", f"vllm:{name}{{{self._label}}} {value:g}"]

    def _counter(self, name: str, values: dict[str, int]) -> list[str]:
        labelled = [(f',finished_reason="{reason}"' if reason else "", value) for reason, value in values.items()]
        return [
            f"# TYPE vllm:{name} counter",
            *(f"vllm:{name}{{{self._label}{label}}} {value}" for label, value in labelled),
        ]

    def _histogram(self) -> list[str]:
        name, lines, seen = "vllm:time_to_first_token_seconds", [], 0
        for bound, count in zip((*map(str, TTFT_BOUNDS_S), "+Inf"), self._buckets, strict=True):
            seen += count
            lines.append(f'{name}_bucket{{{self._label},le="{bound}"}} {seen}')
        tail = [f"{name}_sum{{{self._label}}} {self._ttft_sum_s:.6f}", f"{name}_count{{{self._label}}} {seen}"]
        return [f"# TYPE {name} histogram", *lines, *tail]


def _hardware(load: Mapping[str, float]) -> list[str]:
    """
    GPUs: each with its temperature, the sick ones with their fault; of what all have alike, the first is enough.

    A page with every sample of 256 GPUs took the agent 15 ms to read, and so many are read in a simulated fleet.
    """
    if not (gpus := int(load.get("gpus", 0))):
        return []
    lines = [f'DCGM_FI_DEV_GPU_TEMP{{gpu="{gpu}"}} {GPU_C}' for gpu in range(gpus)]
    lines.append(f'DCGM_FI_DEV_GPU_UTIL{{gpu="0"}} {load["gpu_util_share"] * 100:.6g}')
    for name, figure, fault in (
        ("XID_ERRORS", "gpus_with_xid", XID),
        ("ROW_REMAP_FAILURE", "gpus_row_remap_failed", 1),
    ):
        sick = int(load[figure])
        lines += [f'DCGM_FI_DEV_{name}{{gpu="{gpu}"}} {fault if gpu < sick else 0}' for gpu in range(max(1, sick))]
    if "gpu_ecc_double_bit" in load:
        lines.append(f'DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{{gpu="0"}} {load["gpu_ecc_double_bit"]:g}')
    return lines

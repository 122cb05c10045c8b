"""
Is it the GPU that they say, asked from inside? Figures of our own image on their nodes, from the probe kind `exec`.

Neighbours in the table differ by 43 % in bandwidth and more in memory, so a device copy that never reaches 85 % of the
data sheet, or memory that falls short of it by as much, is another product, or a slice of one. Class A.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from collector.judgement.integrity.gpus import Gpu, gpus_of
from schemas.evidence import Evidence, Family, Grade, Standing

CHECK = "node_benchmark"
COPY, MEMORY = "copy_gb_s", "memory_gb"  # figures: bytes read and written a second, and total memory, in 10^9 bytes
RATIO_MIN = 0.85
RUNS_MIN, DAYS_MIN = 3, 2
P0 = 1e-4  # declared: every run of two days short of the line, on the claimed product

REASONS = {
    "slower_memory": "its memory copies more slowly than that of the claimed GPU, in every run",
    "less_memory": "it has less memory than the claimed GPU",
    "as_claimed_or_better": "copy and memory are not below those of the claimed GPU",
    "unknown_gpu": "the claimed GPU is in no table",
    "too_few_runs": "there are fewer than three runs on two days",
}
ASSUMPTIONS = (
    "our image ran alone on the GPU; clocks and throttling were looked at in the same runs",
    f"honest nodes are refuted with probability at most {P0:g}",
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run's figures by name."""

    day: date
    vantage: str
    figures: Mapping[str, float]


def node_benchmark(subject: str, gpu: str, runs: Sequence[Run]) -> Evidence:
    """Evidence on *subject*, whose nodes are claimed to have *gpu*; the best run of each figure counts."""
    products = gpus_of(gpu)
    if not products:
        return _evidence(subject, gpu, Standing.INSUFFICIENT, "unknown_gpu", ())
    used = [run for run in runs if run.figures.get(COPY, 0.0) > 0 and run.figures.get(MEMORY, 0.0) > 0]
    if len(used) < RUNS_MIN or len({run.day for run in used}) < DAYS_MIN:
        return _evidence(subject, gpu, Standing.INSUFFICIENT, "too_few_runs", used)
    slowest = min(products, key=lambda one: one.bandwidth_tb_s)
    smallest = min(products, key=lambda one: one.memory_gb)
    copy = max(run.figures[COPY] for run in used) / 1000 / slowest.bandwidth_tb_s
    memory = max(run.figures[MEMORY] for run in used) / smallest.memory_gb
    lines = (_copy_line(slowest, copy), f"memory: {memory:.3f} of {smallest.memory_gb:g} GB ({smallest.source})")
    if memory < RATIO_MIN:
        return _evidence(subject, gpu, Standing.CONTRADICTED, "less_memory", used, memory, lines)
    if copy < RATIO_MIN:
        return _evidence(subject, gpu, Standing.CONTRADICTED, "slower_memory", used, copy, lines)
    return _evidence(subject, gpu, Standing.NOT_REJECTED, "as_claimed_or_better", used, min(copy, memory), lines)


def _copy_line(gpu: Gpu, ratio: float) -> str:
    return f"copy: {ratio:.3f} of {gpu.bandwidth_tb_s:g} TB/s, the best run ({gpu.source})"


def _evidence(
    subject: str,
    gpu: str,
    standing: Standing,
    reason: str,
    runs: Sequence[Run],
    value: float | None = None,
    lines: tuple[str, ...] = (),
) -> Evidence:
    contradicted = standing is Standing.CONTRADICTED
    return Evidence(
        check=CHECK,
        family=Family.HARDWARE,
        grade=Grade.CONTRADICTION,
        subject=subject,
        claim=f"its nodes have {gpu}" if gpu else "no GPU is claimed",
        standing=standing,
        reason=reason,
        said=REASONS[reason],
        value=value,
        threshold=RATIO_MIN if value is not None else None,
        unit="of the data sheet",
        n=len(runs),
        e={Standing.CONTRADICTED: 1 / P0, Standing.NOT_REJECTED: 0.0}.get(standing, 1.0),
        assumptions=ASSUMPTIONS,
        days=len({run.day for run in runs}) if contradicted else 0,
        vantages=len({run.vantage for run in runs}) if contradicted else 0,
        smallest=f"a GPU with less than {RATIO_MIN:.0%} of the claimed bandwidth or memory, power 1",
        arithmetic=lines,
    )

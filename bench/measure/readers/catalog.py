"""Every client that the bench compares; the first is ours."""

from __future__ import annotations

from bench.measure.readers import aiperf, guidellm, kernel, ours, vllm_bench

READERS = (ours.READER, kernel.READER, vllm_bench.READER, aiperf.READER, guidellm.READER)

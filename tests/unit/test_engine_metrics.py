"""engine_metrics: engines' and exporters' own names become one vocabulary; what is missing stays unknown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.attempt import observe
from probes.engine_series import NAMES, SERIES, figures_of
from probes.exposition import LINE_CHARS_MAX, PAGE_BYTES_MAX, WANTED_CHARS_MAX, Exposition, Sample, read_page
from probes.kinds.engine_metrics import page_url
from schemas.observation import FIGURES_MAX, Observation, Outcome, Reason
from simulator.engine_metrics import EngineMetrics
from tests.support.bad_server import Script, bad_server, hangs, plain, resets, sends
from tests.support.compose import ROOT
from tests.support.subjects import TICK, bench, subject_of

PAGES = Path(__file__).parent / "pages"
OLD_VLLM = b"""\
vllm:gpu_cache_usage_perc{model_name="m"} 0.5
vllm:time_per_output_token_seconds_sum{model_name="m"} 1.5
vllm:time_per_output_token_seconds_count{model_name="m"} 100
vllm:num_preemptions{model_name="m"} 2
"""


def figures(page: bytes) -> dict[str, float]:
    """The figures of a page."""
    return figures_of(read_page(page, NAMES).samples)


async def seen_of(script: Script, **module: object) -> Observation:
    """The observation of one attempt against *script*."""
    async with bad_server(script) as server, bench() as here:
        return await observe(here, subject_of("engine_metrics", server.url, **module), TICK, 0, 1)


def served(page: bytes, status: str = "200 OK") -> Script:
    """A server of one page."""
    return sends(plain(status, page))


CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nnode_load1 1\n"
EXPECTED: dict[str, dict[str, float]] = {
    "sglang": {
        "running": 162, "waiting": 2826, "kv_cache_share": 0.28, "kv_tokens_used": 123859,
        "ttft_sum_s": 2351897.9474117756, "ttft_count": 11008, "itl_sum_s": 866964.5791549598, "itl_count": 7400757,
        "e2e_sum_s": 3116093.850019932, "e2e_count": 11228, "prompt_tokens": 8128902, "generation_tokens": 7557572,
        "generation_tokens_per_s": 86.50814177726902, "prefix_hit_share": 0.007507552643049313,
    },
    "tgi": {
        "running": 12, "waiting": 4, "batch_tokens_max": 15360, "tpot_sum_s": 2.34, "tpot_count": 117,
        "e2e_sum_s": 152.25, "e2e_count": 117, "generation_tokens": 7488, "requests": 120, "requests_ok": 117,
        "requests_error": 3,
    },
    "dcgm": {
        "gpus": 2, "gpu_temperature_c": 86, "gpu_memory_temperature_c": 93, "gpu_power_w": 712.5,
        "gpu_util_share": 0.69, "gpu_sm_clock_mhz": 1215, "gpu_memory_used_mib": 80768, "gpu_memory_free_mib": 81024,
        "gpus_with_xid": 1, "gpu_xid": 79, "gpu_uncorrectable_rows": 2, "gpus_row_remap_failed": 1,
        "gpu_pcie_replays": 3,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
async def test_each_exporter_is_read_in_its_own_names(name: str) -> None:
    """Every figure of the page and no other: no ECC, no cache of TGI's, since they are not on it."""
    seen = await seen_of(served((PAGES / f"{name}.prom").read_bytes()))

    assert (seen.outcome, seen.reason, seen.http_status) == (Outcome.OK, None, 200), seen.detail
    assert dict(seen.figures) == pytest.approx(EXPECTED[name])
    assert seen.timings.total_ms is not None and seen.timings.first_byte_ms is not None


def test_older_names_are_read_where_the_present_ones_are_missing_and_never_both() -> None:
    """A version that shows both names of one thing must not count it twice."""
    both = OLD_VLLM + b'vllm:kv_cache_usage_perc{model_name="m"} 0.5\n'

    assert figures(OLD_VLLM) == {"kv_cache_share": 0.5, "itl_sum_s": 1.5, "itl_count": 100, "preemptions": 2}
    assert figures(both) == figures(OLD_VLLM)


def test_engines_behind_one_page_are_added_up_and_the_fullest_cache_counts() -> None:
    """Data-parallel vLLM; requests by their end."""
    page = b"""\
vllm:num_requests_running{engine="0"} 3
vllm:num_requests_running{engine="1"} 4
vllm:kv_cache_usage_perc{engine="0"} 0.2
vllm:kv_cache_usage_perc{engine="1"} 0.9
vllm:request_success_total{engine="0",finished_reason="stop"} 10
vllm:request_success_total{engine="0",finished_reason="length"} 5
vllm:request_success_total{engine="0",finished_reason="abort"} 2
"""

    assert figures(page) == {"running": 7, "kv_cache_share": 0.9, "requests_ok": 15, "requests_aborted": 2}


def test_a_number_that_is_none_is_unknown() -> None:
    """Not a number, infinite, or more than a row can hold: no figure; the others stand."""
    page = b"""\
vllm:num_requests_running NaN
vllm:num_requests_waiting +Inf
vllm:prompt_tokens_total 1e15
vllm:num_preemptions_total 1
"""

    assert figures(page) == {"preemptions": 1}


def test_the_simulated_engine_is_read() -> None:
    """A third page in vLLM's names, written by other hands."""
    engine = EngineMetrics("m")
    engine.first_token(0.25)
    engine.finished("length", prompt_tokens=7, generated_tokens=11)

    found = figures(engine.text().encode())

    assert (found["ttft_sum_s"], found["ttft_count"]) == (0.25, 1)
    assert (found["prompt_tokens"], found["generation_tokens"], found["requests_ok"]) == (7, 11, 1)


CASES: dict[str, tuple[Script, dict[str, object], Outcome, Reason | None]] = {
    "metrics of something else": (served(b"# HELP x y\nnode_load1 0.5\n"), {}, Outcome.OK, None),
    "empty": (served(b" \n"), {}, Outcome.FAILED, Reason.EMPTY),
    "a web page": (served(b"<html><body>login</body></html>"), {}, Outcome.FAILED, Reason.BAD_STREAM),
    "a JSON error": (served(b'{"error": "no such route"}'), {}, Outcome.FAILED, Reason.BAD_STREAM),
    "bytes": (served(bytes(range(256))), {}, Outcome.FAILED, Reason.BAD_STREAM),
    "one good series, broken": (
        served(b"vllm:num_requests_running{a=\"x} 1\n"), {}, Outcome.FAILED, Reason.BAD_STREAM,
    ),
    "a line too long": (
        served(b"vllm:num_requests_running " + b"1" * LINE_CHARS_MAX), {}, Outcome.FAILED, Reason.BAD_STREAM,
    ),
    "too much that is read": (
        served(b"vllm:num_requests_running 1\n" * (WANTED_CHARS_MAX // 27 + 1)), {}, Outcome.FAILED, Reason.BAD_STREAM,
    ),
    "a page too large": (
        served(b"node_load1 0.5\n" * (PAGE_BYTES_MAX // 15 + 1)), {}, Outcome.FAILED, Reason.ANSWER_TOO_LARGE,
    ),
    "404": (served(b"", "404 Not Found"), {}, Outcome.FAILED, Reason.MODEL_NOT_FOUND),
    "503": (served(b"", "503 Service Unavailable"), {}, Outcome.FAILED, Reason.NO_CAPACITY),
    "hanging": (hangs, {"timeout": "200ms"}, Outcome.FAILED, Reason.TOTAL_TIMEOUT),
    "cut": (sends(CUT), {}, Outcome.FAILED, Reason.CONNECTION_LOST),
    "reset": (resets(), {}, Outcome.FAILED, Reason.CONNECTION_LOST),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_each_behaviour_of_a_server_has_its_name(name: str) -> None:
    """No figure without a page of metrics."""
    script, module, outcome, reason = CASES[name]
    seen = await seen_of(script, **module)

    assert (seen.outcome, seen.reason) == (outcome, reason), seen.detail
    assert dict(seen.figures) == {}


async def test_a_page_without_a_known_series_says_so() -> None:
    """It is no failure: nothing is known."""
    seen = await seen_of(CASES["metrics of something else"][0])

    assert seen.detail == "no series of an engine or exporter that is known"


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("http://h:8000/v1", "http://h:8000/metrics"),
        ("https://[::1]:8000/tenant/v1", "https://[::1]:8000/metrics"),
        ("http://h", "http://h/metrics"),
    ],
)
def test_the_page_is_at_the_root_of_the_target_s_server(url: str, page: str) -> None:
    """Where every engine has it, beside the API."""
    assert page_url(url, "/metrics") == page


words = st.sampled_from([*sorted(NAMES), *'x{}"=,\\ \t\n#1-é', "1e999", "9" * 400, "NaN", "le"])


@given(page=st.one_of(st.binary(max_size=300), st.lists(words, max_size=30).map(lambda parts: "".join(parts).encode())))
def test_no_bytes_of_a_page_make_the_reading_raise(page: bytes) -> None:
    """Whatever it holds, what comes out is figures that a row can hold."""
    found = read_page(page, NAMES)

    assert isinstance(found, Exposition) and not (found.samples and found.broken)
    assert all(-1e12 < value < 1e12 for value in figures_of(found.samples).values())


numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
labels = st.dictionaries(st.sampled_from(["engine", "model_name", "UUID"]), st.text(max_size=20), max_size=3)


@given(samples=st.lists(st.builds(Sample, st.sampled_from(sorted(NAMES)), labels, numbers), max_size=20))
def test_what_is_written_is_what_is_read(samples: list[Sample]) -> None:
    """Any label value, with its quotes and line breaks escaped as the format says."""

    def escaped(text: str) -> str:
        return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')

    def written(one: Sample) -> str:
        pairs = ",".join(f'{name}="{escaped(text)}"' for name, text in one.labels.items())
        return f"{one.name}{{{pairs}}} {one.value!r}"

    lines = [written(one) for one in samples]
    page = "\n".join(["# a page", "node_load1 0.5", *lines]).encode(errors="replace")

    found = read_page(page, NAMES)

    assert [(one.name, one.value) for one in found.samples] == [(one.name, one.value) for one in samples]


def test_every_figure_has_its_row_on_the_page_and_fits_into_one_observation() -> None:
    """A page of engine and GPUs together."""
    text = (ROOT / "docs" / "probes" / "engine_metrics.md").read_text()
    named = {series.figure for series in SERIES}

    assert {figure for figure in named if f"`{figure}`" not in text} == set()
    assert len(named) <= FIGURES_MAX

"""What each client leaves is read: records of real runs (2 streams of 3 tokens), with the server's log beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.measure.load_server import ServerLog, read_log
from bench.measure.readers import aiperf, guidellm, kernel, ours, vllm_bench
from bench.measure.readers.catalog import READERS
from bench.measure.readers.contract import Load, Reader, stream_number
from bench.measure.stamps import Errors, errors_of

SAMPLES = Path(__file__).parent / "samples"


def sample(reader: Reader) -> tuple[dict[str, Errors], ServerLog]:
    """The errors of the recorded run of *reader*, by series."""
    folder = SAMPLES / reader.name.replace(" ", "_").lower()
    log = read_log(folder / "server.jsonl")
    offset_ns = int((folder / "wall_to_monotonic_ns").read_text())
    return {name: errors_of(found, log.truths) for name, found in reader.readings(folder, offset_ns).items()}, log


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_every_stream_of_a_recorded_run_is_matched_and_near_the_truth(reader: Reader) -> None:
    """By the right clock and the right unit: a wrong one is off by orders of magnitude."""
    found, _ = sample(reader)

    for errors in found.values():
        assert (errors.compared, errors.incomplete) == (2, 0)
        assert all(195 < said < 300 for said in errors.ttft_ms)
        assert max(errors.first_stamp_error_ms) < 50


@pytest.mark.parametrize("reader", [ours.READER, kernel.READER, vllm_bench.READER, aiperf.READER])
def test_these_say_the_gaps_and_stamp_every_token(reader: Reader) -> None:
    """Two gaps and three stamps in each of two streams."""
    for errors in sample(reader)[0].values():
        assert (len(errors.itl_error_ms), len(errors.stamp_error_ms)) == (4, 6)


def test_guidellm_says_no_gaps_and_stamps_the_first_token_only() -> None:
    """Then nothing is compared, and nothing is made up."""
    (errors,) = sample(guidellm.READER)[0].values()

    assert (errors.itl_error_ms, errors.stamp_error_ms, len(errors.first_stamp_error_ms)) == ([], [], 2)


def test_the_c_reader_gives_both_stamps_of_the_same_reads() -> None:
    """The kernel's is never the later one."""
    found = sample(kernel.READER)[0]

    pairs = zip(found[kernel.KERNEL].stamp_error_ms, found[kernel.USER].stamp_error_ms, strict=True)
    assert all(by_kernel < by_user for by_kernel, by_user in pairs)


def test_aiperfs_ttft_is_its_own_metric_not_one_made_of_its_stamps() -> None:
    """It counts from before the connection."""
    readings = aiperf.readings(SAMPLES / "aiperf", 0)["aiperf"]

    assert 209.956516 in [reading.ttft_ms for reading in readings]


def test_a_probe_of_ours_that_failed_is_not_a_reading(tmp_path: Path) -> None:
    """It is missing from the number compared."""
    row = '{"nonce": "1", "outcome": "failed", "reason": "stalled", "stamp": "user", "sent_ns": 1, '
    (tmp_path / "ours.jsonl").write_text(row + '"first_token_ms": null, "arrivals_ms": []}\n')

    assert ours.readings(tmp_path, 0) == {"ours": []}


def test_the_stream_number_is_read_from_the_first_token() -> None:
    """Wherever it stands; an answer of something else has none."""
    assert stream_number("17.0@123~99 17.1@140 ") == "17"
    assert stream_number("bala kri 1.5") == ""


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_every_client_is_sent_to_loopback_with_the_load_it_is_given(reader: Reader) -> None:
    """Nowhere else."""
    words = " ".join(map(str, reader.command(Load(port=4242, streams=31, requests=62, tokens=7))))

    assert "127.0.0.1:4242" in words or "--port 4242" in words
    assert {"31", "62"} <= set(words.replace("=", " ").split())


def test_a_proxy_of_the_environment_never_stands_between() -> None:
    """Each peer is told so."""
    assert {"127.0.0.1"} == {reader.environ.get("NO_PROXY") for reader in READERS if reader.is_peer}

"""The load server and the C reader, built and run: the truth that everything else is compared with."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.request
from itertools import pairwise
from pathlib import Path

import pytest

from bench.measure.load_server import build, read_log, serving
from bench.measure.open_streams import keep_open
from bench.measure.paced_requests import ask_paced
from bench.measure.readers import kernel, ours
from bench.measure.readers.contract import Load
from bench.measure.stamps import errors_of

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler (apt-get install gcc libc6-dev)")
TOKENS = 5


def asked(url: str, body: bytes | None = None) -> tuple[str, bytes]:
    """Content type and body of one request."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, data=body), timeout=5) as answer:
        return answer.headers["Content-Type"], answer.read()


def test_the_first_token_comes_200_ms_after_the_request_and_the_stamps_rise(tmp_path: Path) -> None:
    """By the server's own stamps, and by the clock of whoever asks."""
    with serving(tmp_path, tokens=TOKENS, for_s=20) as server:
        before_ns = time.monotonic_ns()
        _, body = asked(f"{server.url}/v1/chat/completions", b'{"messages": [{"content": "nonce=0a1b. Go on"}]}')
        after_ns = time.monotonic_ns()
    (truth,) = read_log(server.log).truths

    assert truth.nonce == "0a1b"
    assert before_ns < truth.received_ns < truth.sent_ns[0] < truth.sent_ns[-1] < after_ns
    assert 200 <= truth.ttft_ms < 260
    assert len(truth.sent_ns) == TOKENS
    assert all(after - before > 0 for before, after in pairwise(truth.sent_ns))
    assert [str(at) for at in truth.sent_ns] == re.findall(r"0\.\d@(\d+)", body.decode())
    assert f"~{truth.received_ns} " in body.decode()


def test_the_stream_is_a_whole_answer(tmp_path: Path) -> None:
    """Finish reason with the last token, then usage, then the end marker."""
    with serving(tmp_path, tokens=TOKENS, for_s=20) as server:
        _, body = asked(f"{server.url}/v1/chat/completions", b"{}")
    *events, done = [line.removeprefix("data: ") for line in body.decode().split("\n\n") if line]
    chunks = [json.loads(event) for event in events]

    assert done == "[DONE]"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None] * (TOKENS - 1) + ["stop"]
    assert chunks[-1]["usage"]["completion_tokens"] == TOKENS


def test_plain_requests_are_answered_and_their_arrival_is_kept(tmp_path: Path) -> None:
    """For http_request, for the models of a benchmark tool, and for the agent's shipping."""
    with serving(tmp_path, tokens=TOKENS, for_s=20) as server:
        assert asked(f"{server.url}/t7?x=1") == ("text/plain", b"fine\n")
        assert b'"id":"tiny"' in asked(f"{server.url}/v1/models")[1]
        assert asked(f"{server.url}/v1/traces", b"x" * 300_000) == ("application/x-protobuf", b"")

    assert [path for path, _ in read_log(server.log).gets] == ["/t7", "/v1/models"]


def test_a_stream_that_its_reader_leaves_is_counted_and_the_server_goes_on(tmp_path: Path) -> None:
    """`cut`; the next one is served."""
    with serving(tmp_path, tokens=50, for_s=20) as server:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{server.url}/v1/chat/completions", data=b"{}", timeout=5):
            pass
        asked(f"{server.url}/v1/chat/completions", b"{}")
    log = read_log(server.log)

    assert log.cut == 1
    assert [len(truth.sent_ns) < 50 for truth in log.truths] == [True, False]


def test_the_server_ends_by_itself(tmp_path: Path) -> None:
    """A bench that is killed leaves no server behind for long."""
    command = [str(build("load_server")), "--for-s", "1", "--log", str(tmp_path / "log")]

    assert subprocess.run(command, stdout=subprocess.DEVNULL, timeout=10, check=False).returncode == 0
    assert (tmp_path / "log").exists()


def test_the_c_reader_reads_every_token_of_every_stream(tmp_path: Path) -> None:
    """More requests than streams: the next opens when one ends."""
    with serving(tmp_path, tokens=TOKENS, for_s=30) as server:
        load = Load(server.port, streams=4, requests=10, tokens=TOKENS)
        subprocess.run(kernel.READER.command(load), cwd=tmp_path, timeout=30, check=True)
    found = kernel.readings(tmp_path, 0)
    truths = read_log(server.log).truths
    errors = {series: errors_of(readings, truths) for series, readings in found.items()}

    assert {series: one.compared for series, one in errors.items()} == {kernel.KERNEL: 10, kernel.USER: 10}
    assert min(errors[kernel.KERNEL].stamp_error_ms) < 1
    first = truths[:4]
    assert max(truth.received_ns for truth in first) < min(truth.sent_ns[-1] for truth in first)


async def test_our_probes_are_matched_with_their_streams(tmp_path: Path) -> None:
    """By the nonce of the prompt; every probe is ok and every token is there."""
    with serving(tmp_path, tokens=TOKENS, for_s=30) as server:
        rows = await keep_open(server.url, streams=3, requests=5, tokens=TOKENS)
    (tmp_path / "ours.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    errors = errors_of(ours.readings(tmp_path, 0)["ours"], read_log(server.log).truths)

    assert (errors.compared, errors.incomplete) == (5, 0)
    assert len(errors.stamp_error_ms) == 5 * TOKENS


def test_paced_requests_keep_their_rate_and_are_all_answered(tmp_path: Path) -> None:
    """40 at 100 a second, each received by the server after it was written."""
    with serving(tmp_path, tokens=1, for_s=20) as server:
        asked_for = ask_paced(server.port, lambda number: f"/{number}", rate_per_s=100, for_s=0.4)
    received = dict(read_log(server.log).gets)

    assert [f"/{one.number}" for one in asked_for] == list(received)
    assert all(received[f"/{one.number}"] > one.written_ns for one in asked_for)
    assert 0.35 < (asked_for[-1].written_ns - asked_for[0].written_ns) / 1e9 < 2.0

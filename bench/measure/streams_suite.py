"""N streams opened at once: what each client says of their timings, against the server's truth, and its CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.accounted import Account, start_accounted
from bench.measure.errors import BenchError
from bench.measure.load_server import read_log, serving
from bench.measure.place import Cores, run_folder, wall_to_monotonic_ns
from bench.measure.readers.contract import Load, Reader
from bench.measure.stamps import Errors, errors_of

RUN_S_MAX = 300
SAID_CHARS = 400
CLOCK_STEP_NS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class StreamsRun:
    """One run of one client: its errors by series, its CPU, and the true TTFTs of the streams it opened."""

    errors: Mapping[str, Errors]
    account: Account
    true_ttft_ms: tuple[float, ...]
    realtime: bool


def run_streams(reader: Reader, *, streams: int, requests: int, tokens: int, cores: Cores) -> StreamsRun:
    """Run *reader* once; raises BenchError when it fails or the clock was stepped meanwhile."""
    with run_folder() as folder:
        with serving(folder, tokens=tokens, for_s=RUN_S_MAX + 10, core=cores.server) as server:
            load = Load(server.port, streams, requests, tokens)
            before_ns = wall_to_monotonic_ns()
            account = start_accounted(
                reader.command(load), cores={cores.client}, within_s=RUN_S_MAX, folder=folder, environ=reader.environ
            ).wait()
            after_ns = wall_to_monotonic_ns()
        if account.code != 0:
            raise BenchError(f"{reader.name}: {_ended(account)}; it said: {_tail(folder / 'out.log')}")
        log = read_log(server.log)
        if max(abs(after_ns - before_ns), abs(log.clock_step_ns)) > CLOCK_STEP_NS_MAX:
            raise BenchError(f"{reader.name}: the wall clock was stepped by {after_ns - before_ns} ns during the run")
        found = reader.readings(folder, (before_ns + after_ns) // 2)
    errors = {series: errors_of(readings, log.truths) for series, readings in found.items()}
    for one in errors.values():
        one.incomplete = max(0, requests - one.compared)
    truths = tuple(truth.ttft_ms for truth in log.truths if truth.sent_ns)
    return StreamsRun(errors, account, truths, log.realtime)


def _ended(account: Account) -> str:
    return f"not done within {RUN_S_MAX} s" if account.code is None else f"exit status {account.code}"


def _tail(path: Path) -> str:
    return path.read_text(errors="replace").strip()[-SAID_CHARS:]

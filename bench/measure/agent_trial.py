"""
Our agent at a rate: `touchstone agent` as its user starts it, with its spool, shipping to the load server.

n targets at 60 s are n/60 probes a second; it gets n/10 subjects at 6 s, which is the same rate.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from bench.accounted import start_accounted
from bench.measure.errors import BenchError
from bench.measure.lateness import Trial, Window, due_in, lateness_on_grid_ms, trial_of
from bench.measure.load_server import read_log, serving
from bench.measure.place import OUR_ENVIRON, Cores, run_folder, wall_to_monotonic_ns

Kind = Literal["http_request", "chat_stream"]
TARGETS_INTERVAL_S = 60
INTERVAL_S = 6
TOKENS = 100
SETTLE_S = 1.0  # after the first request
STOPPING_S = 40.0
PLACE = "bench/here"


def try_agent(targets: int, *, kind: Kind, for_s: float, cores: Cores, telemetry: bool = False) -> Trial:
    """Run the agent for about *for_s* seconds of probing on one core; *telemetry* has it tell OpenTelemetry too."""
    subjects = max(1, targets * INTERVAL_S // TARGETS_INTERVAL_S)
    run_s = starting_s(subjects) + for_s
    with run_folder() as folder:
        with serving(folder, tokens=TOKENS, for_s=round(run_s + 2 * STOPPING_S), core=cores.server) as server:
            key_of = write_configuration(folder, server.url, kind, subjects, telemetry=telemetry)
            offset_ns = wall_to_monotonic_ns()
            account = start_accounted(
                [sys.executable, "-m", "touchstone", "-c", "touchstone.yaml", "agent"],
                cores={cores.client}, folder=folder, term_after_s=run_s, within_s=run_s + STOPPING_S,
                environ=OUR_ENVIRON,
            ).wait()  # fmt: skip
        if account.code != 0 or account.term_s is None:
            raise BenchError(f"the agent ended with {account.code}: {(folder / 'out.log').read_text()[-400:]}")
        log = read_log(server.log)
    asked = [(truth.path, truth.received_ns) for truth in log.truths] if kind == "chat_stream" else log.gets
    seen = [(path, (at_ns - offset_ns) / 1e6) for path, at_ns in asked]
    end_ms = account.term_s * 1e3 - offset_ns / 1e6
    window = Window(min((at for _, at in seen), default=end_ms) + SETTLE_S * 1000, end_ms - SETTLE_S * 1000)
    late = lateness_on_grid_ms(seen, key_of, window, INTERVAL_S * 1000)
    due = due_in(window, list(key_of.values()), INTERVAL_S * 1000)
    return trial_of(targets, late, due, account.cpu_s / account.wall_s)


def starting_s(subjects: int) -> float:
    """What an agent is given to read so many subjects and begin: measured, and half as much again."""
    return 2.0 + subjects / 500


def write_configuration(
    folder: Path, url: str, kind: Kind, subjects: int, *, telemetry: bool = False
) -> Mapping[str, str]:
    """A fleet of *subjects* targets on the load server; gives the key of the subject behind each path."""
    names = [f"t{number}" for number in range(subjects)]
    targets = {name: {"model": "tiny", "url": f"{url}/{name}", "modules": ["bench"]} for name in names}
    provider, cluster = PLACE.split("/")
    settings: dict[str, Any] = {
        "version": 1,
        "fleet": "fleet.yaml",
        "agent": {"spool": "spool.db", "collector_url": url, "streams_max": 5000},
        "modules": {"bench": {"kind": kind, "interval": f"{INTERVAL_S}s", "connection": "cold"}},
    }
    if telemetry:  # the load server takes what is sent to it, as it takes observations
        settings["telemetry"] = {"otlp_endpoint": url, "interval": "5s", "prometheus_listen": "127.0.0.1:0"}
    (folder / "touchstone.yaml").write_text(json.dumps(settings))
    (folder / "fleet.yaml").write_text(
        json.dumps({"providers": {provider: {"clusters": {cluster: {"targets": targets}}}}})
    )
    end = "/chat/completions" if kind == "chat_stream" else ""
    return {f"/{name}{end}": f"{PLACE}/{name}|bench" for name in names}

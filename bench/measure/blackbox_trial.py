"""
Debian's prometheus-blackbox-exporter at a rate: the peer for `http_request`.

It keeps no schedule of its own (Prometheus does), so it is asked at a fixed rate, and its lateness counts from the
instant at which it was asked: better for it than a schedule would be.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time

from bench.accounted import start_accounted
from bench.measure.errors import BenchError
from bench.measure.lateness import Trial, trial_of
from bench.measure.load_server import read_log, serving
from bench.measure.paced_requests import LAST_ANSWERS_S, ask_paced
from bench.measure.place import Cores, run_folder

PROGRAM = "prometheus-blackbox-exporter"
CONFIGURATION = "modules:\n  up:\n    prober: http\n    timeout: 10s\n    http:\n      preferred_ip_protocol: ip4\n"
TARGETS_INTERVAL_S = 60
START_S = 1.5
LISTENS_S_MAX = 10.0


def absent() -> str | None:
    """Why it cannot be measured; None when it can."""
    return None if shutil.which(PROGRAM) else f"{PROGRAM} is not installed: apt-get install {PROGRAM}"


def version() -> str:
    """Its own word."""
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=False)
    words = (done.stdout or done.stderr).split()
    return words[words.index("version") + 1] if "version" in words else "unknown"


def try_blackbox(targets: int, *, for_s: float, cores: Cores) -> Trial:
    """Have it probe the load server for *for_s* seconds on one core."""
    rate_per_s = targets / TARGETS_INTERVAL_S
    run_s = START_S + for_s + LAST_ANSWERS_S
    with run_folder() as folder:
        (folder / "blackbox.yml").write_text(CONFIGURATION)
        port = _free_port()
        with serving(folder, tokens=1, for_s=round(run_s + 60), core=cores.server) as server:
            running = start_accounted(
                [PROGRAM, "--config.file=blackbox.yml", f"--web.listen-address=127.0.0.1:{port}"],
                cores={cores.client}, folder=folder, term_after_s=run_s, within_s=run_s + 10,
            )  # fmt: skip
            _wait_until_it_listens(port)
            asked = ask_paced(
                port, lambda number: f"/probe?module=up&target={server.url}/{number}",
                rate_per_s=rate_per_s, for_s=for_s,
            )  # fmt: skip
            account = running.wait()
        received = dict(read_log(server.log).gets)
    late = [(received[path] - one.written_ns) / 1e6 for one in asked if (path := f"/{one.number}") in received]
    return trial_of(targets, late, int(rate_per_s * for_s), account.cpu_s / for_s)


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + LISTENS_S_MAX
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise BenchError(f"{PROGRAM} does not listen on 127.0.0.1:{port}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""
Debian's Prometheus, blackbox_exporter and Alertmanager on the same targets; all Alertmanagers hear one Prometheus.

Alertmanagers: with defaults, tuned (`group_wait` 0 s), brisk (tuned, and `group_interval` 10 s), and of the tuned kind
one more for each case that kills it. A second exporter probes what the case that kills the prober watches.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.page.process import Process
from touchstone.address import free_port

PROMETHEUS, ALERTMANAGER, BLACKBOX = "prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter"
PROGRAMS = (PROMETHEUS, ALERTMANAGER, BLACKBOX)
DEFAULT, TUNED, BRISK = "default", "tuned", "brisk"
TIMES: Mapping[str, tuple[str, str]] = {DEFAULT: ("30s", "5m"), TUNED: ("0s", "5m"), BRISK: ("0s", "10s")}
START_S = 30.0


@dataclass(frozen=True, slots=True)
class Watched:
    """
    What the peers watch for one case: *urls*, which end in `/t/CASE-NUMBER`.

    *hooks* is the receiver's URL by side. With *own_pager* the tuned side is an Alertmanager of the case's own, with
    *own_prober* an exporter of its own.
    """

    case: str
    urls: Sequence[str]
    hooks: Mapping[str, str]
    own_pager: bool = False
    own_prober: bool = False


def absent() -> str | None:
    """Why they cannot be measured; None when they can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"not installed: apt-get install {' '.join(missing)}" if missing else None


def versions() -> dict[str, str]:
    """Their own words, or that they are absent and why."""
    if (why := absent()) is not None:
        return dict.fromkeys(PROGRAMS, f"absent: {why}")
    return {name: _version(name) for name in PROGRAMS}


def _version(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    found = re.search(r"version (\S+)", done.stdout + done.stderr)
    return found[1].rstrip(",") if found else "unknown"


def blackbox_config() -> dict[str, Any]:
    """blackbox.yml."""
    http = {"valid_status_codes": [200], "follow_redirects": False, "preferred_ip_protocol": "ip4"}
    return {"modules": {"http_2xx": {"prober": "http", "timeout": "2s", "http": http}}}


def rules() -> dict[str, Any]:
    """rules.yml: an alert at the first failed probe."""
    rule = {"alert": "ProbeDown", "expr": "probe_success == 0", "for": "0s", "labels": {"severity": "critical"}}
    return {"groups": [{"name": "probes", "interval": "5s", "rules": [rule]}]}


def prometheus_config(probers: Mapping[str, Sequence[str]], alertmanagers: Sequence[str]) -> dict[str, Any]:
    """prometheus.yml; *probers* is what each exporter (host:port) probes."""
    return {
        "global": {"scrape_interval": "5s", "scrape_timeout": "4s", "evaluation_interval": "5s"},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
        "scrape_configs": [
            {
                "job_name": f"blackbox-{number}",
                "metrics_path": "/probe",
                "params": {"module": ["http_2xx"]},
                "static_configs": [{"targets": list(urls)}],
                "relabel_configs": [
                    {"source_labels": ["__address__"], "target_label": "__param_target"},
                    {"source_labels": ["__param_target"], "target_label": "instance"},
                    {"target_label": "__address__", "replacement": exporter},
                ],
            }
            for number, (exporter, urls) in enumerate(probers.items())
        ],
    }


def alertmanager_config(side: str, watched: Sequence[Watched]) -> dict[str, Any]:
    """am.yml of one side: a receiver for each case, and nobody hears of what is none of theirs."""
    wait, interval = TIMES[side]
    routes = [{"receiver": one.case, "matchers": [f'instance=~".+/t/{one.case}-[0-9]+"']} for one in watched]
    return {
        "route": {
            "receiver": "nobody", "group_by": ["alertname", "instance"], "group_wait": wait,
            "group_interval": interval, "repeat_interval": "4h", "routes": routes,
        },
        "receivers": [
            {"name": "nobody"},
            *(
                {"name": one.case, "webhook_configs": [{"url": one.hooks[side], "send_resolved": True}]}
                for one in watched
            ),
        ],
    }  # fmt: skip


class Peers:
    """All their processes."""

    def __init__(self, watched: Sequence[Watched], *, folder: Path, logs: Path) -> None:
        self._folder, self._logs = folder / "peers", logs
        self._pagers = {side: [one for one in watched if side in one.hooks] for side in (DEFAULT, TUNED, BRISK)}
        self._pagers[TUNED] = [one for one in self._pagers[TUNED] if not one.own_pager]
        self._own_pagers = {one.case: one for one in watched if one.own_pager}
        self._probers = {"shared": [url for one in watched if not one.own_prober for url in one.urls]}
        self._probers |= {one.case: list(one.urls) for one in watched if one.own_prober}
        self._processes: dict[str, tuple[Process, int]] = {}

    async def start(self) -> None:
        """Start every process, and wait for each."""
        self._folder.mkdir(parents=True)
        exporters, pagers = {}, []
        for name, urls in self._probers.items():
            if urls:
                port = self._add(f"prober-{name}", [BLACKBOX], "--web.listen-address", blackbox_config())
                exporters[f"127.0.0.1:{port}"] = urls
        for name, side, watched in (
            *((side, side, watched) for side, watched in self._pagers.items() if watched),
            *((case, TUNED, [one]) for case, one in self._own_pagers.items()),
        ):
            place = self._folder / f"pager-{name}"
            words = [ALERTMANAGER, f"--storage.path={place}", "--cluster.listen-address="]
            port = self._add(f"pager-{name}", words, "--web.listen-address", alertmanager_config(side, watched))
            pagers.append(f"127.0.0.1:{port}")
        (self._folder / "rules.yml").write_text(yaml.safe_dump(rules()))
        words = [PROMETHEUS, f"--storage.tsdb.path={self._folder / 'tsdb'}"]
        self._add("prometheus", words, "--web.listen-address", prometheus_config(exporters, pagers))
        for process, _ in self._processes.values():
            process.start()
        await asyncio.gather(*(process.listens(port, within_s=START_S) for process, port in self._processes.values()))

    def kill_pager(self, case: str) -> None:
        """Kill -9 the Alertmanager of *case*."""
        self._processes[f"pager-{case}"][0].kill()

    def start_pager(self, case: str) -> float:
        """Start it again; gives the instant."""
        return self._processes[f"pager-{case}"][0].start()

    def kill_prober(self, case: str) -> None:
        """Kill -9 the exporter of *case*."""
        self._processes[f"prober-{case}"][0].kill()

    async def stop(self) -> None:
        """Stop every process."""
        await asyncio.gather(*(process.stop() for process, _ in self._processes.values()))

    def _add(self, name: str, words: Sequence[str], listen: str, config: Mapping[str, Any]) -> int:
        port, file = free_port(), self._folder / f"{name}.yml"
        file.write_text(yaml.safe_dump(dict(config)))
        whole = [*words, f"--config.file={file}", f"{listen}=127.0.0.1:{port}"]
        process = Process(whole, log=self._logs / f"{name}.log", folder=self._folder, environ={})
        self._processes[name] = process, port
        return port

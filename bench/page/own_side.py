"""Touchstone as its user starts it: one store for all, and for each case a collector and agents of its own."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.measure.place import OUR_ENVIRON
from bench.page.process import Process
from touchstone.address import free_port

INTERVAL = "5s"
CONFIRMATIONS = 2
START_S = 60.0
SETTINGS, FLEET = "touchstone.yaml", "fleet.yaml"
SECRET = "PAGE_BENCH_SECRET"  # the variable that holds the receivers' secret


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What a case asks of its Touchstone.

    *targets* is the URL by subject; each subject is a provider with one cluster with one target. *receiver* hears of
    everything, *backup* when that one is late. *canaries* are host:port. Each of *vantages* has an agent.
    """

    name: str
    targets: Mapping[str, str]
    receiver: str
    backup: str | None = None
    canaries: Sequence[str] = ()
    vantages: Sequence[str] = ("bench",)


def settings_of(wanted: Wanted, vantage: str, *, folder: Path, store_url: str, port: int) -> dict[str, Any]:
    """The settings at *vantage*; but for addresses and paths, what is not named here is the default."""
    main: dict[str, Any] = {"kind": "webhook", "url": wanted.receiver, "secret": f"${{{SECRET}}}"}
    destinations = {"receiver": main}
    if wanted.backup is not None:
        main["backup"] = "second"
        destinations["second"] = {"kind": "webhook", "url": wanted.backup, "secret": f"${{{SECRET}}}"}
    return {
        "version": 1,
        "fleet": FLEET,
        "vantage": {"name": vantage},
        "store": {"url": store_url, "database": f"page_{wanted.name.replace('-', '_')}"},
        "agent": {
            "spool": str(folder / f"{vantage}.db"),
            "collector_url": f"http://127.0.0.1:{port}",
            "confirmations": CONFIRMATIONS,
            "canaries": list(wanted.canaries),
        },
        "collector": {"listen": f"127.0.0.1:{port}", "state": str(folder / "state.db")},
        "modules": {"up": {"kind": "http_request", "interval": INTERVAL, "timeout": "2s", "connection": "cold"}},
        "paging": {
            "deployment": "bench",
            "private_addresses": True,
            "destinations": destinations,
            "routes": {severity: ["receiver"] for severity in ("P0", "P1", "P2")},
        },
    }


def fleet_of(wanted: Wanted) -> dict[str, Any]:
    """The fleet."""
    return {
        "providers": {
            subject: {"clusters": {"only": {"targets": {"health": {"model": "m", "url": url, "modules": ["up"]}}}}}
            for subject, url in wanted.targets.items()
        }
    }


class OwnStore:
    """`touchstone store`, which holds a database for each case."""

    def __init__(self, folder: Path, logs: Path) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._folder = folder / "store"
        self._process = _touchstone("store", self._folder / SETTINGS, "store", logs=logs, environ={})

    async def start(self) -> None:
        """Start it and wait for it."""
        self._folder.mkdir(parents=True)
        target = {"model": "m", "url": "http://127.0.0.1:9/", "modules": ["up"]}
        store = {"url": self.url, "embedded": {"path": str(self._folder / "data"), "queries": 16, "sessions": 256}}
        settings = {"version": 1, "fleet": FLEET, "store": store, "modules": {"up": {"kind": "http_request"}}}
        fleet = {"providers": {"none": {"clusters": {"only": {"targets": {"health": target}}}}}}
        _write(self._folder / SETTINGS, settings)
        _write(self._folder / FLEET, fleet)
        self._process.start()
        await self._process.listens(self._port, within_s=START_S)

    async def stop(self) -> None:
        """Stop it."""
        await self._process.stop()


class Touchstone:
    """One `touchstone collect`, and a `touchstone agent` for each vantage."""

    def __init__(self, wanted: Wanted, *, folder: Path, logs: Path, store_url: str) -> None:
        self._wanted, self._store_url, self._port = wanted, store_url, free_port()
        self._folder = folder / wanted.name
        secret = "whsec_" + base64.b64encode(os.urandom(24)).decode()
        self._settings = {vantage: self._folder / f"{vantage}.yaml" for vantage in wanted.vantages}

        def process(verb: str, settings: Path) -> Process:
            name = f"{wanted.name}.{verb}.{settings.stem}"
            return _touchstone(name, settings, verb, logs=logs, environ={SECRET: secret})

        self._collector = process("collect", next(iter(self._settings.values())))
        self._agents = [process("agent", settings) for settings in self._settings.values()]

    async def start(self) -> None:
        """Start all; they are at work when this returns."""
        self._folder.mkdir(parents=True)
        _write(self._folder / FLEET, fleet_of(self._wanted))
        for vantage, path in self._settings.items():
            _write(
                path,
                settings_of(self._wanted, vantage, folder=self._folder, store_url=self._store_url, port=self._port),
            )
        self._collector.start()
        await self.pager_listens()
        for agent in self._agents:
            agent.start()

    def kill_pager(self) -> None:
        """Kill -9 the collector."""
        self._collector.kill()

    def start_pager(self) -> float:
        """Start the collector again; gives the instant."""
        return self._collector.start()

    async def pager_listens(self) -> None:
        """Wait until the collector takes connections."""
        await self._collector.listens(self._port, within_s=START_S)

    def kill_prober(self) -> None:
        """Kill -9 every agent; the kernel ends their workers."""
        for agent in self._agents:
            agent.kill()

    async def stop(self) -> None:
        """Stop the agents, which hand over what they have, then the collector."""
        await asyncio.gather(*(agent.stop() for agent in self._agents))
        await self._collector.stop()


def _touchstone(name: str, settings: Path, verb: str, *, logs: Path, environ: Mapping[str, str]) -> Process:
    words = [sys.executable, "-m", "touchstone", "-c", str(settings), "-v", verb]
    return Process(words, log=logs / f"{name}.log", folder=settings.parent, environ={**OUR_ENVIRON, **environ})


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(content)))

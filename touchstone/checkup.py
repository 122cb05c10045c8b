"""What Touchstone needs on this machine, each as one line that is ok, warn or fail."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from collector.exports import printing
from collector.storage.migrations import shipped
from collector.storage.queries import Reader
from probes.own_network import ANSWER_S, host_and_port
from schemas.clock import Clock
from schemas.config import Settings, Store
from schemas.errors import StoreError
from touchstone.address import split_address

PYTHON_MIN = (3, 11)
DISK_FAIL_BYTES = 500 * 1024**2
DISK_WARN_BYTES = 5 * 1024**3
CLOCK_WARN_S = 1.0
CLOCK_FAIL_S = 30.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    result: Literal["ok", "warn", "fail"]
    text: str


def checkup(settings: Settings, clock: Clock) -> Iterator[Check]:
    """Every check that needs only the settings, the machine and the store."""
    yield python()
    yield from extras(settings)
    yield from disk(settings)
    yield from ports(settings)
    yield from canaries(settings)
    yield from paper(settings)
    yield from store(settings.store, clock)


def python() -> Check:
    """The interpreter is new enough."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info[:2] >= PYTHON_MIN
    return Check("python", "ok" if good else "fail", version if good else f"{version}; 3.11 or newer is needed")


def extras(settings: Settings) -> Iterator[Check]:
    """The optional parts that these settings ask for are installed."""
    wanted = {"dashboard": "streamlit"} | ({"embedded": "chdb"} if settings.store.embedded else {})
    wanted |= {"postgres": "psycopg"} if settings.collector.shared_state else {}
    for extra, module in wanted.items():
        there = find_spec(module) is not None
        yield Check(f"extra {extra}", "ok" if there else "warn", module if there else f"{module} is not installed")


def disk(settings: Settings) -> Iterator[Check]:
    """There is room where things are kept."""
    kept = {"spool": settings.agent.spool}
    if not settings.collector.shared_state:
        kept["state"] = settings.collector.state
    if settings.store.embedded:
        kept["store"] = settings.store.embedded.path
    for name, path in sorted(kept.items()):
        folder = next(parent for parent in (Path(path).absolute(), *Path(path).absolute().parents) if parent.is_dir())
        free = shutil.disk_usage(folder).free
        text = f"{free / 1024**3:.1f} GB free in {folder}"
        yield Check(f"disk {name}", "fail" if free < DISK_FAIL_BYTES else _warn(free < DISK_WARN_BYTES), text)


def ports(settings: Settings) -> Iterator[Check]:
    """The addresses to listen on are free, or something answers there already."""
    for name, address in (("collector", settings.collector.listen), ("dashboard", settings.dashboard.listen)):
        host, port = split_address(address)
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except OSError as error:
            yield Check(f"port {name}", "warn", f"{address}: {error.strerror}; fine when Touchstone runs already")
        else:
            yield Check(f"port {name}", "ok", f"{address} is free")


def canaries(settings: Settings) -> Iterator[Check]:
    """The canaries of the agent can be reached: while none can, every failed connection is taken for our own."""
    asked = settings.agent.canaries
    if not asked:
        return
    silent = [canary for canary in asked if not _reached(canary)]
    text = f"cannot be reached: {', '.join(silent)}" if silent else f"all {len(asked)} can be reached"
    yield Check("canaries", "fail" if len(silent) == len(asked) else _warn(bool(silent)), text)


def paper(settings: Settings) -> Iterator[Check]:
    """A report that is to be a PDF needs something that prints it."""
    named = [report.name for report in settings.reports if report.format == "pdf"]
    if named:
        browser = printing.installed()
        yield Check("pdf", "ok" if browser else "fail", browser or f"{', '.join(named)}: {printing.MISSING}")


def _reached(canary: str) -> bool:
    try:
        socket.create_connection(host_and_port(canary), timeout=ANSWER_S).close()
    except OSError:
        return False
    return True


def store(store: Store, clock: Clock) -> Iterator[Check]:
    """The store answers, has its tables, and its clock agrees with ours."""
    try:
        with Reader.open(store) as reader:
            yield Check("store", "ok", f"ClickHouse {reader.engine_version()} at {store.url}")
            yield migrations(reader.migrations())
            before = clock.now()
            yield clock_offset(abs((reader.now() - before).total_seconds()))
    except StoreError as error:
        yield Check("store", "fail", str(error))


def migrations(applied: dict[int, str]) -> Check:
    """Every migration of this version is applied, unchanged."""
    missing = [one.name for one in shipped() if one.version not in applied]
    changed = [one.name for one in shipped() if applied.get(one.version, one.md5) != one.md5]
    if changed:
        return Check("migrations", "fail", f"changed after they were applied: {', '.join(changed)}")
    if missing:
        return Check("migrations", "warn", f"not applied yet: {', '.join(missing)}; `touchstone collect` applies them")
    return Check("migrations", "ok", f"all {len(shipped())} applied")


def clock_offset(seconds: float) -> Check:
    """Our clock and the store's agree."""
    text = f"{seconds:.3f} s from the store's"
    return Check("clock", "fail" if seconds > CLOCK_FAIL_S else _warn(seconds > CLOCK_WARN_S), text)


def _warn(bad: bool) -> Literal["ok", "warn"]:
    return "warn" if bad else "ok"

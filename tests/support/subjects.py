"""Subjects, clocks and benches for tests of the measuring side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr

from probes.attempt import Bench
from probes.catalog import KINDS
from probes.connection import Connections
from probes.contract import Subject
from probes.kinds.chat_stream import ChatStreamModule
from probes.kinds.http_request import HttpRequestModule
from probes.loop_lag import LagMonitor
from probes.trust import TrustLimits
from schemas.fleet import Auth, Place, Target, Tls
from touchstone.system_clock import SystemClock

NO_ACCOUNTS: Mapping[str, Auth] = MappingProxyType({})
TICK = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


def chat_subject(url: str, *, ca_file: str | None = None, key: str | None = None, **module: Any) -> Subject:
    """A chat_stream subject, cold, with short limits (s): ttft 0.4, stall 0.3, total 2."""
    limits = {"timeout": "2s", "ttft_timeout": "400ms", "stall_timeout": "300ms"}
    settings: dict[str, Any] = {"connection": "cold"} | limits | module
    target = Target(
        model="m", url=url, modules=("chat",), count_by="words", tls=Tls(ca_file=ca_file),
        auth=Auth(bearer=SecretStr(key) if key else None),
    )  # fmt: skip
    place = Place("acme", "acme/east", "acme/east/chat", "eu", target)
    return Subject(place, "chat", ChatStreamModule(kind="chat_stream", **settings))


def http_subject(url: str, *, ca_file: str | None = None, **module: Any) -> Subject:
    """An http_request subject, cold, with a total limit of 1 s."""
    target = Target(model="-", url=url, modules=("up",), tls=Tls(ca_file=ca_file))
    place = Place("acme", "acme/east", "acme/east/up", "eu", target)
    return Subject(
        place, "up", HttpRequestModule(kind="http_request", **({"connection": "cold", "timeout": "1s"} | module))
    )


def subject_of(
    kind: str,
    url: str,
    *,
    model: str = "m/1",
    ca_file: str | None = None,
    auth: Auth | None = None,
    count_by: Any = "words",
    tokenizer: str | None = None,
    accounts: Mapping[str, Auth] = NO_ACCOUNTS,
    **module: Any,
) -> Subject:
    """A subject of any kind in the catalogue, cold, with a total limit of 2 s, of the target `acme/east/it`."""
    target = Target(
        model=model, url=url, modules=("it",), count_by=count_by, tls=Tls(ca_file=ca_file), auth=auth or Auth(),
        tokenizer=tokenizer, accounts=dict(accounts),
    )  # fmt: skip
    settings = KINDS[kind].settings.model_validate({"kind": kind, "connection": "cold", "timeout": "2s", **module})
    return Subject(Place("acme", "acme/east", "acme/east/it", "eu", target), "it", settings)


@asynccontextmanager
async def bench(*, lag_limit_s: float = 1.0, **changes: Any) -> AsyncIterator[Bench]:
    """A real bench on the system's clock."""
    clock = SystemClock()
    async with Connections() as connections:
        lag = LagMonitor(clock)
        watching = asyncio.create_task(lag.run())
        settings: dict[str, Any] = {
            "vantage": "here", "connections": connections, "clock": clock, "lag": lag,
            "limits": TrustLimits(lag_s=lag_limit_s, clock_step_s=0.01, streams=500),
        } | changes  # fmt: skip
        yield Bench(**settings)
        watching.cancel()

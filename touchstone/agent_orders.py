"""What the agent's parent tells a worker, and how: framed on the worker's standard input, never on disk."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Mapping
from dataclasses import dataclass

from probes.contract import Subject
from probes.sharding import worker_of
from probes.subjects import subjects_of
from schemas.config import Agent as AgentSettings
from schemas.config import Configuration
from schemas.fleet import Budget

FRAME_BYTES_MAX = 256 * 1024 * 1024
FAILURE = b"!"  # what a worker writes when a failure is safe in its spool
_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Orders:
    """Everything that a worker needs, so that it reads no file and all workers have one configuration."""

    worker: int
    vantage: str
    simulated: bool
    settings: AgentSettings
    subjects: tuple[Subject, ...]
    budgets: Mapping[str, Budget]


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Subjects (target, module) that another vantage sees fail: ask them now."""

    subjects: frozenset[tuple[str, str]]


def orders_of(configuration: Configuration, workers: int) -> list[Orders]:
    """The orders of each worker: every target is one worker's."""
    settings = configuration.settings
    shards: list[list[Subject]] = [[] for _ in range(workers)]
    for subject in subjects_of(configuration.fleet, settings.modules, settings.vantage.name, settings.integrity.secret):
        shards[worker_of(subject.place.id, workers)].append(subject)
    common, budgets = (settings.vantage.name, settings.simulated, settings.agent), configuration.fleet.budgets()
    return [Orders(number, *common, tuple(shard), budgets) for number, shard in enumerate(shards)]


def framed(message: Orders | LookAgain) -> bytes:
    """*message* as it goes over the pipe; pickled, because only our own parent can write to it."""
    body = pickle.dumps(message)
    return len(body).to_bytes(_LENGTH_BYTES) + body


async def read_message(pipe: asyncio.StreamReader) -> Orders | LookAgain | None:
    """What the parent says next; None when it has closed the pipe."""
    try:
        size = int.from_bytes(await pipe.readexactly(_LENGTH_BYTES))
        assert size <= FRAME_BYTES_MAX, size
        message = pickle.loads(await pipe.readexactly(size))
    except asyncio.IncompleteReadError:
        return None
    assert isinstance(message, Orders | LookAgain)
    return message

"""
Names, units and buckets of the OpenTelemetry GenAI client conventions, and of our own metrics beside them.

Pinned: `open-telemetry/semantic-conventions-genai`, docs/gen-ai/gen-ai-metrics.md and gen-ai-spans.md, as of November
2026 (development status); the names are those of opentelemetry-semantic-conventions 0.66b2. A new version of the
conventions is a change of this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from schemas.fleet import Fleet
from schemas.observation import Observation, Outcome
from schemas.wire import OPERATIONS

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
LATENESS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
FINISH_REASONS = "gen_ai.response.finish_reasons"
TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
TOKEN_TYPE = "gen_ai.token.type"
ERROR_TYPE = "error.type"
SERVER_ADDRESS, SERVER_PORT = "server.address", "server.port"

Attributes = dict[str, str | int | bool | float | tuple[str, ...]]
Addresses = Mapping[str, tuple[str, int]]  # full id of a target -> where it listens


@dataclass(frozen=True, slots=True)
class Instrument:
    """One metric: its name, unit, description, and buckets when it is a histogram."""

    name: str
    unit: str
    description: str
    buckets: tuple[float, ...] = ()


DURATION = Instrument("gen_ai.client.operation.duration", "s", "GenAI operation duration.", SECONDS)
TOKEN_USAGE = Instrument("gen_ai.client.token.usage", "{token}", "Number of input and output tokens used.", TOKENS)
FIRST_CHUNK = Instrument(
    "gen_ai.client.operation.time_to_first_chunk",
    "s",
    "Time to receive the first chunk, measured from when the client issues the generation request to when the first "
    "chunk is received in the response stream.",
    SECONDS,
)
OUTPUT_CHUNK = Instrument(
    "gen_ai.client.operation.time_per_output_chunk",
    "s",
    "Time per output chunk, recorded for each chunk received after the first one, measured as the time elapsed from "
    "the end of the previous chunk to the end of the current chunk.",
    SECONDS,
)
OBSERVATIONS = Instrument("touchstone.observations", "{observation}", "Observations that were delivered, by outcome.")
OBJECTIVE_EVENTS = Instrument(
    "touchstone.objective.events", "{event}", "Requests that an objective counts, of each target, good and bad."
)
OBJECTIVE, RESULT = "touchstone.objective", "touchstone.result"
LATENESS = Instrument(
    "touchstone.agent.lateness", "s", "From a probe's intended instant to its start.", LATENESS_SECONDS
)
LOOP_LAG = Instrument(
    "touchstone.agent.loop_lag", "s", "How late the event loop ran while an observation was made.", LATENESS_SECONDS
)
SPOOL_PENDING = Instrument("touchstone.spool.pending", "{observation}", "Observations that wait to be delivered.")
SPOOL_COST = Instrument(
    "touchstone.spool.cost", "{observation}", "Observations that a full or broken spool has shortened or dropped."
)
SPOOL_COST_WHAT = "touchstone.spool.what"
DROPPED = Instrument("touchstone.telemetry.dropped", "{span}", "Spans that the endpoint did not take in time.")


def addresses_of(fleet: Fleet) -> dict[str, tuple[str, int]]:
    """Where every target of *fleet* listens."""
    ports = {"http": 80, "https": 443}
    found = {}
    for place in fleet.places():
        url = urlsplit(place.target.url)
        found[place.id] = (url.hostname or "", url.port or ports[url.scheme])
    return found


def operation_of(observation: Observation) -> str | None:
    """The GenAI operation that an observation is; None when it asks no model, or nothing was asked."""
    return None if observation.outcome is Outcome.NOT_OBSERVED else OPERATIONS.get(observation.kind)


def request_attributes(observation: Observation, operation: str, addresses: Addresses) -> Attributes:
    """What every gen_ai metric and span says of a request. The provider is the cloud, by its id in the fleet."""
    attributes: Attributes = {OPERATION: operation, PROVIDER: observation.provider}
    if observation.model:
        attributes[REQUEST_MODEL] = observation.model
    if observation.target in addresses:
        attributes[SERVER_ADDRESS], attributes[SERVER_PORT] = addresses[observation.target]
    return attributes


def first_chunk_s(observation: Observation) -> float | None:
    """From the request to the first chunk with reasoning or content, in seconds; None without one or not trusted."""
    timings = observation.timings
    stamps = [ms for ms in (timings.reasoning_ms, timings.first_token_ms) if ms is not None]
    return min(stamps) / 1000 if stamps and observation.distrust is None else None

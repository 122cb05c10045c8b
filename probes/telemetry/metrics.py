"""From observations to metrics: the GenAI client conventions, and our own of the agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from opentelemetry.metrics import Histogram, Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource

from probes.telemetry import conventions
from probes.telemetry.conventions import Addresses, Attributes
from schemas.objectives import Objective
from schemas.observation import Observation, Outcome

SCOPE = "touchstone"


class Metrics:
    """
    The instruments of one process; every reader sees all of them.

    Each metric has at most *cardinality_limit* sets of attributes; what is beyond is counted in one more set,
    `otel.metric.overflow`, as the OpenTelemetry specification says: totals stay right. *objectives* are asked for with
    every batch: a reload may change them.
    """

    def __init__(
        self,
        readers: Sequence[MetricReader],
        resource: Resource,
        addresses: Addresses,
        *,
        cardinality_limit: int,
        version: str,
        objectives: Callable[[], Sequence[Objective]] = tuple,
    ) -> None:
        bounded = View(instrument_name="*", aggregation_cardinality_limit=cardinality_limit)
        self._provider = MeterProvider(readers, resource, shutdown_on_exit=False, views=[bounded])
        self._addresses, self._objectives = addresses, objectives
        self._begun: set[tuple[str, str]] = set()
        meter = self._provider.get_meter(SCOPE, version)
        self._duration = _histogram(meter, conventions.DURATION)
        self._tokens = _histogram(meter, conventions.TOKEN_USAGE)
        self._first_chunk = _histogram(meter, conventions.FIRST_CHUNK)
        self._output_chunk = _histogram(meter, conventions.OUTPUT_CHUNK)
        self._lateness = _histogram(meter, conventions.LATENESS)
        self._loop_lag = _histogram(meter, conventions.LOOP_LAG)
        counted, waiting, dropped = conventions.OBSERVATIONS, conventions.SPOOL_PENDING, conventions.DROPPED
        self._observations = meter.create_counter(counted.name, counted.unit, counted.description)
        event = conventions.OBJECTIVE_EVENTS
        self._events = meter.create_counter(event.name, event.unit, event.description)
        self._pending = meter.create_gauge(waiting.name, waiting.unit, waiting.description)
        cost = conventions.SPOOL_COST
        self._costs = meter.create_counter(cost.name, cost.unit, cost.description)
        self._costs_told: dict[str, int] = {}
        self._dropped = meter.create_counter(dropped.name, dropped.unit, dropped.description)

    def observed(self, observations: Iterable[Observation]) -> None:
        """Count *observations*."""
        objectives = self._objectives()
        for one in observations:
            self._count(one)
            for objective in objectives:
                self._judge(one, objective)
            operation = conventions.operation_of(one)
            if operation is not None:
                self._record(one, conventions.request_attributes(one, operation, self._addresses))

    def spooled(self, pending: int, costs: Mapping[str, int]) -> None:
        """So many observations wait; and so many the spool's bounds have cost since it was made, by name."""
        self._pending.set(pending)
        for name, value in costs.items():
            if more := value - self._costs_told.get(name, 0):
                self._costs.add(more, {conventions.SPOOL_COST_WHAT: name})
        self._costs_told = dict(costs)

    def dropped(self, spans: int) -> None:
        """So many spans were given up."""
        self._dropped.add(spans)

    def close(self) -> None:
        """Let go of the readers."""
        self._provider.shutdown()

    def _count(self, one: Observation) -> None:
        where: Attributes = {"touchstone.provider": one.provider, "touchstone.kind": one.kind}
        counted = where | {"touchstone.cluster": one.cluster, "touchstone.outcome": one.outcome.value}
        self._observations.add(1, counted | ({conventions.ERROR_TYPE: one.reason.value} if one.reason else {}))
        if one.outcome is not Outcome.NOT_OBSERVED:
            self._lateness.record(one.late_ms / 1000, where)
            self._loop_lag.record(one.loop_lag_ms / 1000, where)

    def _judge(self, one: Observation, objective: Objective) -> None:
        """Count *one* for *objective*; both results begin at 0, or a scraper would miss the first bad one."""
        good = objective.judges(one) if objective.covers(one.provider) else None
        if good is None:
            return
        where: Attributes = {
            conventions.OBJECTIVE: objective.name,
            "touchstone.provider": one.provider,
            "touchstone.cluster": one.cluster,
            "touchstone.target": one.target,
        }
        if (objective.name, one.target) not in self._begun:
            self._begun.add((objective.name, one.target))
            self._events.add(0, where | {conventions.RESULT: "bad"})
            self._events.add(0, where | {conventions.RESULT: "good"})
        self._events.add(1, where | {conventions.RESULT: "good" if good else "bad"})

    def _record(self, one: Observation, request: Attributes) -> None:
        failed = one.outcome is Outcome.FAILED and one.reason is not None
        ended = request | ({conventions.ERROR_TYPE: one.reason.value} if failed and one.reason else {})
        if one.timings.total_ms is not None and one.distrust is None:
            self._duration.record(one.timings.total_ms / 1000, ended)
        for kind, tokens in (("input", one.tokens.billed_in), ("output", one.tokens.out)):
            if tokens is not None:
                self._tokens.record(tokens, request | {conventions.TOKEN_TYPE: kind})
        first_s = conventions.first_chunk_s(one)
        if first_s is not None:
            self._first_chunk.record(first_s, request)
            for gap_ms in one.timings.gaps_ms:
                self._output_chunk.record(gap_ms / 1000, request)


def _histogram(meter: Meter, what: conventions.Instrument) -> Histogram:
    return meter.create_histogram(
        what.name, what.unit, what.description, explicit_bucket_boundaries_advisory=list(what.buckets)
    )

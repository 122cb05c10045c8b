"""Real traffic becomes passive observations: by old and new names, its target never guessed, without content."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.fleet_index import FleetIndex
from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Inputs, decide
from collector.otlp_reading import read_body
from collector.passive import OPERATIONS, Rejection, TargetIndex, passive_observation
from collector.storage.rows import key_of
from schemas.errors import SpanRejected, WireError
from schemas.observation import Blame, Connection, Observation, Outcome, Reason, Source
from schemas.paging import Paging
from tests.support.client_spans import MS, NEW, OLD, START, START_NS, TARGETS, body_of, client_span, fleet


def seen(attributes: dict[str, object] | None = None, /, **changes: Any) -> Observation:
    """The observation of a span."""
    return passive_observation(client_span(attributes, **changes), TARGETS)


def rejected(attributes: dict[str, object] | None = None, /, **changes: Any) -> str:
    """The name under which a span is rejected."""
    with pytest.raises(SpanRejected) as caught:
        seen(attributes, **changes)
    assert len(str(caught.value)) < 400
    return caught.value.why


def without(*names: str, **more: object) -> dict[str, object]:
    """NEW without some attributes, with others (underscores for dots)."""
    return {name: value for name, value in NEW.items() if name not in names} | more


def test_a_span_by_the_new_names_is_an_observation() -> None:
    """Identity from service, operation, start and span; timings from the span; never re-probed."""
    one = seen()

    assert (one.target, one.provider, one.cluster, one.region) == ("acme/east/large", "acme", "acme/east", "east")
    assert (one.vantage, one.kind, one.module, one.attempt) == ("checkout", "passive_chat", "passive", 0)
    assert (one.tick, one.started_at) == (START.replace(microsecond=123_000), START)
    assert one.finished_at - one.started_at == timedelta(milliseconds=500)
    assert (one.source, one.span) == (Source.PASSIVE, "00f067aa0ba902b7")
    assert (one.outcome, one.reason, one.http_status, one.finish_reason) == (Outcome.OK, None, 200, "stop")
    assert (one.timings.first_token_ms, one.timings.total_ms) == (250.0, 500.0)
    assert (one.tokens.billed_in, one.tokens.billed_out) == (40, 12)
    assert one.instrument.connection is Connection.UNKNOWN
    assert not one.simulated


def test_a_span_by_the_old_names_is_the_same_observation() -> None:
    """prompt and completion tokens, http.url, http.status_code; the first token as an event."""
    one = seen(
        OLD, events=(("llm.content.completion.chunk", START_NS + 250 * MS), ("first_token", START_NS + 400 * MS))
    )

    assert one == seen()


@pytest.mark.parametrize(
    ("attributes", "target"),
    [
        (NEW | {"gen_ai.request.model": "m-small"}, "acme/east/small"),
        (NEW | {"server.address": "EAST.acme.example."}, "acme/east/large"),
        (without("server.port"), "acme/east/large"),
        (NEW | {"server.address": "west.acme.example", "server.port": 8000}, "acme/west/chat"),
        (without("gen_ai.request.model", **{"gen_ai.response.model": "m-small"}), "acme/east/small"),
        (NEW | {"url.full": "https://shared.acme.example/two/v1/chat/completions?key=s"}, "acme/shared/two"),
        (NEW | {"url.full": "https://shared.acme.example/three/v1/chat/completions"}, "acme/shared/root"),
        (NEW | {"touchstone.target": "acme/west/chat"}, "acme/west/chat"),
    ],
)
def test_a_target_is_found_by_what_the_span_says(attributes: dict[str, object], target: str) -> None:
    """Its own word, else address, port, path and model."""
    assert seen(attributes).target == target


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        (NEW | {"touchstone.target": "acme/east/nobody"}, Rejection.UNKNOWN_TARGET),
        (NEW | {"touchstone.target": 7}, Rejection.UNKNOWN_TARGET),
        (NEW | {"server.address": "elsewhere.example"}, Rejection.UNKNOWN_TARGET),
        (NEW | {"server.port": 8443}, Rejection.UNKNOWN_TARGET),
        (NEW | {"gen_ai.request.model": "m-huge"}, Rejection.UNKNOWN_TARGET),
        (without("server.address"), Rejection.UNKNOWN_TARGET),
        (NEW | {"url.full": "https://east.acme.example/v2/chat/completions"}, Rejection.UNKNOWN_TARGET),
        (without("gen_ai.request.model"), Rejection.AMBIGUOUS_TARGET),
        (NEW | {"server.address": "shared.acme.example"}, Rejection.AMBIGUOUS_TARGET),
        (NEW | {"gen_ai.operation.name": "execute_tool"}, Rejection.NOT_INFERENCE),
        (NEW | {"gen_ai.operation.name": "invoke_agent"}, Rejection.NOT_INFERENCE),
        (without("gen_ai.operation.name"), Rejection.NOT_INFERENCE),
        (NEW | {"error.type": "asyncio.exceptions.CancelledError"}, Rejection.CANCELLED),
        ({"http.request.method": "GET", "server.address": "east.acme.example"}, Rejection.NOT_AN_OBSERVATION),
        ({}, Rejection.NOT_AN_OBSERVATION),
    ],
)
def test_what_is_no_observation_of_one_target_is_rejected_by_name(attributes: dict[str, object], why: str) -> None:
    """Unknown and ambiguous are never guessed; what says nothing of a provider is not taken."""
    assert rejected(attributes) == why


def test_a_span_that_is_not_a_clients_is_rejected() -> None:
    """A server's or an internal span is another view of the same request."""
    assert rejected(NEW, client=False) == Rejection.NOT_AN_OBSERVATION


FAILURES: list[tuple[dict[str, object], Reason, Blame]] = [
    ({"http.response.status_code": 429}, Reason.RATE_LIMITED, Blame.UNKNOWN),
    ({"http.response.status_code": 503, "error.type": "APIStatusError"}, Reason.NO_CAPACITY, Blame.PROVIDER),
    ({"http.response.status_code": 500}, Reason.HTTP_5XX, Blame.PROVIDER),
    ({"http.response.status_code": 400, "error.type": "BadRequestError"}, Reason.BAD_REQUEST, Blame.CALLER),
    ({"http.response.status_code": 401}, Reason.AUTH_FAILED, Blame.CALLER),
    ({"error.type": "503"}, Reason.NO_CAPACITY, Blame.PROVIDER),
    ({"error.type": "openai.RateLimitError"}, Reason.RATE_LIMITED, Blame.UNKNOWN),
    ({"error.type": "httpx.ConnectTimeout"}, Reason.CONNECT_TIMEOUT, Blame.PROVIDER),
    ({"error.type": "httpx.ReadTimeout"}, Reason.TTFT_TIMEOUT, Blame.PROVIDER),
    ({"error.type": "timeout", "gen_ai.response.time_to_first_chunk": 0.1}, Reason.TOTAL_TIMEOUT, Blame.PROVIDER),
    ({"error.type": "ConnectionRefusedError"}, Reason.CONNECT_REFUSED, Blame.PROVIDER),
    ({"error.type": "java.net.UnknownHostException"}, Reason.DNS_FAILED, Blame.UNKNOWN),
    ({"error.type": "server_certificate_invalid"}, Reason.TLS_INVALID, Blame.PROVIDER),
    ({"error.type": "httpx.RemoteProtocolError"}, Reason.CONNECTION_LOST, Blame.PROVIDER),
    ({"error.type": "truncated"}, Reason.TRUNCATED, Blame.PROVIDER),
    ({"error.type": "KeyError"}, Reason.UNCLASSIFIED, Blame.UNKNOWN),
    ({"error.type": "_OTHER"}, Reason.UNCLASSIFIED, Blame.UNKNOWN),
    ({"error.type": "slow"}, Reason.UNCLASSIFIED, Blame.UNKNOWN),
    ({"error.type": "observer_offline"}, Reason.UNCLASSIFIED, Blame.UNKNOWN),
    ({"gen_ai.response.finish_reasons": ["error"]}, Reason.ERROR_IN_STREAM, Blame.PROVIDER),
]


@pytest.mark.parametrize(("attributes", "reason", "blame"), FAILURES)
def test_a_failure_has_its_reason_of_the_closed_vocabulary(
    attributes: dict[str, object], reason: Reason, blame: Blame
) -> None:
    """The status is the provider's word, then error.type; what says nothing is unclassified, and nobody's fault."""
    plain = without("http.response.status_code", "gen_ai.response.time_to_first_chunk")
    one = seen(plain | attributes)

    assert (one.outcome, one.reason, one.blame) == (Outcome.FAILED, reason, blame)


def test_a_failed_status_without_a_word_is_unclassified() -> None:
    """It failed, and nobody says why."""
    assert seen(NEW, failed=True).reason is Reason.UNCLASSIFIED


def test_content_never_reaches_the_observation() -> None:
    """Prompts, completions, messages, errors' texts, a key in a URL: nothing of them is in any field."""
    secret = "the patient said hello"
    attributes = NEW | {
        "gen_ai.input.messages": secret,
        "gen_ai.output.messages": secret,
        "gen_ai.prompt": secret,
        "gen_ai.completion": secret,
        "gen_ai.system_instructions": secret,
        "gen_ai.tool.call.arguments": secret,
        "gen_ai.response.finish_reasons": [secret],
        "error.type": secret,
        "exception.message": secret,
        "url.full": f"https://east.acme.example/v1/chat/completions?key={secret}",
    }
    one = seen(attributes, failed=True)
    (received,) = read_body(body_of(client_span(attributes)), spans_max=1, targets=TARGETS).received

    assert secret not in str(asdict(one))
    assert secret not in str(asdict(received.observation))
    assert one.finish_reason == "other"


@pytest.mark.parametrize(
    ("first", "known"),
    [(0.0, 0.0), (0.5, 500.0), (0.6, None), (-0.1, None), (float("nan"), None), ("0.1", None), (True, None)],
)
def test_a_first_token_outside_its_span_is_unknown(first: object, known: float | None) -> None:
    """Not guessed, not zero."""
    assert seen(NEW | {"gen_ai.response.time_to_first_chunk": first}).timings.first_token_ms == known


def test_an_embedding_has_no_first_token() -> None:
    """Whatever the span says."""
    assert seen(NEW | {"gen_ai.operation.name": "embeddings"}).timings.first_token_ms is None


@pytest.mark.parametrize(
    ("service", "vantage"),
    [
        ("gateway", "gateway"),
        ("x" * 500, "x" * 63),
        ("a\x1b[2Jb", "a[2Jb"),
        ("", "unknown_service"),
        (7, "unknown_service"),
    ],
)
def test_the_vantage_is_the_service_bounded(service: object, vantage: str) -> None:
    """And without control characters."""
    assert seen(NEW, resource={"service.name": service}).vantage == vantage


def test_a_duplicate_collapses_and_a_neighbour_in_the_same_millisecond_does_not() -> None:
    """Law 4: identity is target, service, operation, start and span."""
    assert key_of(seen()) == key_of(seen()) and seen().id == seen().id
    assert key_of(seen()) != key_of(seen(NEW, id="00f067aa0ba902b8"))
    assert seen().id != seen(NEW, id="00f067aa0ba902b8").id


@pytest.mark.parametrize(
    "changes",
    [{"id": "0" * 16}, {"id": "abc"}, {"end_ns": START_NS - 1}, {"start_ns": 2**63}],
)
def test_a_span_that_cannot_be_is_malformed(changes: dict[str, Any]) -> None:
    """No identity, or a time that runs backwards."""
    with pytest.raises(WireError) as caught:
        seen(NEW, **changes)
    assert not isinstance(caught.value, SpanRejected)


def test_a_body_is_read_whatever_is_beside_it() -> None:
    """Two are taken, the others rejected by number, and counted by name."""
    body = body_of(
        client_span(),
        client_span(NEW | {"server.address": "elsewhere.example"}),
        client_span(NEW | {"gen_ai.usage.input_tokens": -1}),
        client_span(NEW, id="00f067aa0ba902b8"),
        client_span(NEW, client=False),
    )
    reading = read_body(body, spans_max=10, targets=TARGETS)

    assert [one.observation.span for one in reading.received] == ["00f067aa0ba902b7", "00f067aa0ba902b8"]
    assert reading.rejected == 3
    assert reading.why == {"unknown_target": 1, "malformed": 1, "not_an_observation": 1}
    assert "span 1 ('chat m-large'): no target of the fleet is at elsewhere.example:443" in reading.said


def test_a_collector_without_a_fleet_takes_no_traffic() -> None:
    """Everything is an unknown target."""
    assert read_body(body_of(client_span()), spans_max=1).why == {"unknown_target": 1}


def test_real_traffic_opens_no_incident() -> None:
    """However often it fails: no watch, no transition, no page."""
    failures = [
        passive_observation(
            client_span(NEW | {"http.response.status_code": 500}, id=f"{n + 1:016x}", start_ns=START_NS + n * MS),
            TARGETS,
        )
        for n in range(50)
    ]
    decision = decide(HotState(), Inputs(failures), START, Paging(), FleetIndex({}, {}))

    assert decision.state.watches == {}
    assert (decision.incidents, decision.transitions, decision.intents) == ((), (), ())


_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.lists(st.text(max_size=5))
_KEYS = st.sampled_from([*NEW, *OLD, "touchstone.target", "error.type", "url.full", "gen_ai.prompt"])


@given(
    attributes=st.dictionaries(_KEYS, _VALUES),
    times=st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)),
    events=st.lists(st.tuples(st.sampled_from(["first_token", "x"]), st.integers(0, 2**64 - 1)), max_size=3),
    failed=st.booleans(),
)
def test_whatever_a_span_says_it_is_an_observation_or_refused(
    attributes: dict[str, object], times: tuple[int, int], events: list[tuple[str, int]], failed: bool
) -> None:
    """WireError, or an observation that keeps its own invariants; nothing else is raised."""
    span = client_span(NEW | attributes, start_ns=times[0], end_ns=times[1], events=tuple(events), failed=failed)
    try:
        one = passive_observation(span, TARGETS)
    except WireError:
        return
    assert one.source is Source.PASSIVE
    assert one.kind.removeprefix("passive_") in OPERATIONS.values()


def test_an_index_keeps_every_target() -> None:
    """By id, and each once by its host."""
    index = TargetIndex.of(fleet())

    assert len(index.places) == 6
    assert sum(len(several) for several in index.endpoints.values()) == 6

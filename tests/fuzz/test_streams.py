"""No stream, in no dialect, raises: grammar-aware here, coverage-guided by `make fuzz`."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.stream_reader import Ending
from tests.fuzz.streams import DIALECTS, ENDINGS, check

NAMES = (
    "choices", "delta", "content", "reasoning_content", "finish_reason", "usage", "prompt_tokens", "completion_tokens",
    "tool_calls", "function", "name", "arguments", "index", "id", "error", "message", "type", "code", "text", "token",
    "special", "generated_text", "details", "text_output", "candidates", "parts", "thought", "finishReason",
    "usageMetadata", "promptTokenCount", "response", "output", "item", "item_id", "output_index", "stop_reason",
    "content_block", "thinking", "input_tokens", "output_tokens", "incomplete_details", "reason", "status",
)  # fmt: skip
WORDS = (
    "message_start", "content_block_delta", "message_delta", "message_stop", "ping", "error", "overloaded_error",
    "response.created", "response.output_text.delta", "response.reasoning_text.delta", "response.completed",
    "response.failed", "response.incomplete", "RESOURCE_EXHAUSTED", "stop", "length", "tool_calls", "STOP",
)  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats(allow_nan=False) | st.sampled_from(WORDS) | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5)


def packed(value: object) -> bytes:
    """JSON, or its beginning where it holds a number that JSON libraries refuse."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return repr(value).encode(errors="replace")


EVENTS = st.one_of(
    OBJECTS.map(lambda value: b"data: " + packed(value) + b"\n\n"),
    st.tuples(st.sampled_from(WORDS), OBJECTS).map(
        lambda pair: b"event: " + pair[0].encode() + b"\r\ndata:" + packed(pair[1] | {"type": pair[0]}) + b"\r\n\r\n"
    ),
    st.sampled_from([b"data: [DONE]\n\n", b": ping\n\n", b"data: null\n\n", b"\n", b"data: {\n\n", b"event: error\n"]),
    st.binary(max_size=30),
)


@pytest.mark.parametrize("kind", DIALECTS)
@settings(max_examples=120, deadline=None)
@given(events=st.lists(EVENTS, max_size=8), ending=st.sampled_from(ENDINGS))
def test_no_stream_raises(kind: str, events: list[bytes], ending: Ending) -> None:
    """Events of the protocols with anything in them, in any order, cut anywhere."""
    check(kind, b"".join(events), ending)


def test_every_kind_that_streams_is_fuzzed() -> None:
    """One dialect for each protocol."""
    assert {
        "chat_stream", "completion_stream", "responses_stream", "messages_stream", "generate_stream",
        "triton_generate", "gemini_stream",
    } <= set(DIALECTS)  # fmt: skip

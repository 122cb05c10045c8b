"""Which kinds of probe ask what a user's request asks. Only they count for availability and tiers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# Every kind of the catalogue, whether it serves; a test compares. See docs/decisions/2026-11-25-serving-kinds.md.
SERVING: Mapping[str, bool] = MappingProxyType(
    {
        "chat_stream": True,
        "completion_stream": True,
        "responses_stream": True,
        "messages_stream": True,
        "generate_stream": True,
        "triton_generate": True,
        "gemini_stream": True,
        "embedding": True,
        "tool_call": True,
        "json_mode": True,
        "golden_answer": True,
        "long_prompt": True,
        "http_request": True,
        "burst": False,  # asks for more than was promised
        "identity_sample": False,  # these feed the integrity checks: few, at random times, and they page nobody
        "repeat_prompt": False,
        "echo_challenge": False,
        "border_input": False,
        "logprob_sample": False,
        "cache_timing": False,
        "place_timing": False,
        "tcp_connect": False,  # a part of a request, which fails with it
        "dns_lookup": False,
        "tls_handshake": False,
        "engine_metrics": False,  # the engine's own page: it can be away while requests are answered
        "status_page": False,  # what they say, not what they do
        "exec": False,  # whatever a script looks at
        "heartbeat": False,  # the other side calls us
    }
)
# Kinds that feed the integrity checks. They ask at times that cannot be foreseen, are not asked again, and page nobody.
INTEGRITY_KINDS = frozenset(
    {
        "identity_sample", "repeat_prompt", "echo_challenge", "border_input", "logprob_sample", "cache_timing",
        "place_timing",
    }
)  # fmt: skip
# Kinds that are not asked again and page nobody: what a page says of an outage is no outage.
QUIET_KINDS = INTEGRITY_KINDS | {"status_page"}
# What one tick of each kind asks, in words; docs/probes has the whole of it.
ASKS: Mapping[str, str] = MappingProxyType(
    {
        "chat_stream": "one chat completion with a fresh prompt, streamed (OpenAI's API)",
        "completion_stream": "one text completion without a chat template, streamed",
        "responses_stream": "one response, streamed (OpenAI's Responses API)",
        "messages_stream": "one message, streamed (Anthropic's Messages API)",
        "generate_stream": "one generation, streamed (Text Generation Inference)",
        "triton_generate": "one generation, streamed (Triton's generate extension)",
        "gemini_stream": "one generation, streamed (Gemini's API)",
        "embedding": "two different inputs to embed",
        "tool_call": "one chat completion that must call a tool, held to its schema",
        "json_mode": "one chat completion whose answer must be JSON of a schema",
        "golden_answer": "one small question of arithmetic whose answer is known",
        "long_prompt": "one chat completion with a generated prompt of many tokens",
        "http_request": "one plain HTTP request",
        "burst": "several chat completions at the same moment",
        "identity_sample": "one prompt of an unpublished set at temperature 1",
        "repeat_prompt": "the same open prompt all day",
        "echo_challenge": "a code that nobody has seen, and a product to work out",
        "border_input": "one token for an input at which two are nearly as likely",
        "logprob_sample": "the log-probabilities of one first token",
        "cache_timing": "a prompt that was just asked, or a fresh one, in turn",
        "place_timing": "how soon the first byte comes that depends on the prompt",
        "tcp_connect": "a TCP connection, closed as soon as it stands",
        "dns_lookup": "the address of the target's host",
        "tls_handshake": "a TLS handshake, verified, then a goodbye",
        "engine_metrics": "the engine's own page of metrics",
        "exec": "a command of your own on the agent's machine",
        "heartbeat": "whether the other side has called us in time",
        "status_page": "what the provider's status page says",
    }
)
SERVING_KINDS = frozenset(kind for kind, serves in SERVING.items() if serves)

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
SERVING_KINDS = frozenset(kind for kind, serves in SERVING.items() if serves)

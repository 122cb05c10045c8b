"""Every probe kind by its name in the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from probes.contract import Kind
from probes.kinds.border_input import BorderInputModule, border_input
from probes.kinds.burst import BurstModule, burst
from probes.kinds.cache_timing import CacheTimingModule, cache_timing
from probes.kinds.chat_stream import ChatStreamModule, chat_stream
from probes.kinds.completion_stream import CompletionStreamModule, completion_stream
from probes.kinds.dns_lookup import DnsLookupModule, dns_lookup
from probes.kinds.echo_challenge import EchoChallengeModule, echo_challenge
from probes.kinds.embedding import EmbeddingModule, embedding
from probes.kinds.engine_metrics import EngineMetricsModule, engine_metrics
from probes.kinds.exec import ExecModule, exec_
from probes.kinds.gemini_stream import GeminiStreamModule, gemini_stream
from probes.kinds.generate_stream import GenerateStreamModule, generate_stream
from probes.kinds.golden_answer import GoldenAnswerModule, golden_answer
from probes.kinds.heartbeat import HeartbeatModule, heartbeat
from probes.kinds.http_request import HttpRequestModule, http_request
from probes.kinds.identity_sample import IdentitySampleModule, identity_sample
from probes.kinds.json_mode import JsonModeModule, json_mode
from probes.kinds.logprob_sample import LogprobSampleModule, logprob_sample
from probes.kinds.long_prompt import LongPromptModule, long_prompt
from probes.kinds.messages_stream import MessagesStreamModule, messages_stream
from probes.kinds.place_timing import PlaceTimingModule, place_timing
from probes.kinds.repeat_prompt import RepeatPromptModule, repeat_prompt
from probes.kinds.responses_stream import ResponsesStreamModule, responses_stream
from probes.kinds.status_page import StatusPageModule, status_page
from probes.kinds.tcp_connect import TcpConnectModule, tcp_connect
from probes.kinds.tls_handshake import TlsHandshakeModule, tls_handshake
from probes.kinds.tool_call import ToolCallModule, tool_call
from probes.kinds.triton_generate import TritonGenerateModule, triton_generate

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "chat_stream": Kind(ChatStreamModule, chat_stream),
        "completion_stream": Kind(CompletionStreamModule, completion_stream),
        "responses_stream": Kind(ResponsesStreamModule, responses_stream),
        "messages_stream": Kind(MessagesStreamModule, messages_stream),
        "generate_stream": Kind(GenerateStreamModule, generate_stream),
        "triton_generate": Kind(TritonGenerateModule, triton_generate),
        "gemini_stream": Kind(GeminiStreamModule, gemini_stream),
        "embedding": Kind(EmbeddingModule, embedding),
        "tool_call": Kind(ToolCallModule, tool_call),
        "json_mode": Kind(JsonModeModule, json_mode),
        "golden_answer": Kind(GoldenAnswerModule, golden_answer),
        "long_prompt": Kind(LongPromptModule, long_prompt),
        "burst": Kind(BurstModule, burst),
        "identity_sample": Kind(IdentitySampleModule, identity_sample),
        "repeat_prompt": Kind(RepeatPromptModule, repeat_prompt),
        "echo_challenge": Kind(EchoChallengeModule, echo_challenge),
        "border_input": Kind(BorderInputModule, border_input),
        "logprob_sample": Kind(LogprobSampleModule, logprob_sample),
        "cache_timing": Kind(CacheTimingModule, cache_timing),
        "place_timing": Kind(PlaceTimingModule, place_timing),
        "http_request": Kind(HttpRequestModule, http_request),
        "tcp_connect": Kind(TcpConnectModule, tcp_connect),
        "dns_lookup": Kind(DnsLookupModule, dns_lookup),
        "tls_handshake": Kind(TlsHandshakeModule, tls_handshake),
        "engine_metrics": Kind(EngineMetricsModule, engine_metrics),
        "status_page": Kind(StatusPageModule, status_page),
        "exec": Kind(ExecModule, exec_),
        "heartbeat": Kind(HeartbeatModule, heartbeat),
    }
)

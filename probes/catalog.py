"""Every probe kind by its name in the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from probes.contract import Kind
from probes.kinds.chat_stream import ChatStreamModule, chat_stream
from probes.kinds.http_request import HttpRequestModule, http_request

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "chat_stream": Kind(ChatStreamModule, chat_stream),
        "http_request": Kind(HttpRequestModule, http_request),
    }
)

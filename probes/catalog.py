"""Every probe kind by its name in the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from probes.contract import Kind
from probes.kinds.chat_stream import ChatStreamModule, chat_stream
from probes.kinds.dns_lookup import DnsLookupModule, dns_lookup
from probes.kinds.engine_metrics import EngineMetricsModule, engine_metrics
from probes.kinds.exec import ExecModule, exec_
from probes.kinds.heartbeat import HeartbeatModule, heartbeat
from probes.kinds.http_request import HttpRequestModule, http_request
from probes.kinds.tcp_connect import TcpConnectModule, tcp_connect
from probes.kinds.tls_handshake import TlsHandshakeModule, tls_handshake

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "chat_stream": Kind(ChatStreamModule, chat_stream),
        "http_request": Kind(HttpRequestModule, http_request),
        "tcp_connect": Kind(TcpConnectModule, tcp_connect),
        "dns_lookup": Kind(DnsLookupModule, dns_lookup),
        "tls_handshake": Kind(TlsHandshakeModule, tls_handshake),
        "engine_metrics": Kind(EngineMetricsModule, engine_metrics),
        "exec": Kind(ExecModule, exec_),
        "heartbeat": Kind(HeartbeatModule, heartbeat),
    }
)

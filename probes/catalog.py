"""Every probe kind: its name in the configuration, and the function that does it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from probes.contract import ProbeKind
from probes.kinds.chat_stream import chat_stream
from probes.kinds.http_request import http_request

KINDS: Mapping[str, ProbeKind] = MappingProxyType({"chat_stream": chat_stream, "http_request": http_request})

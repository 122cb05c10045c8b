"""Every kind of destination: its name in the configuration, and the module that renders for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

from collector.paging.destinations import pagerduty, webhook
from collector.paging.request import Request
from schemas.page import Delivery


class DestinationKind(Protocol):
    """What a file in destinations/ offers."""

    def render(self, delivery: Delivery, settings: Any, deployment: str, now: datetime) -> Request:
        """The request of one attempt."""
        ...

    def accepted(self, status: int) -> bool:
        """Whether the receiver has it."""
        ...


DESTINATIONS: Mapping[str, DestinationKind] = MappingProxyType({"webhook": webhook, "pagerduty": pagerduty})

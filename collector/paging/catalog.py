"""Every kind of destination: its name in the configuration, and the module that renders for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

from collector.paging.destinations import (
    alertmanager,
    apprise,
    discord,
    email,
    incidentio,
    opsgenie,
    pagerduty,
    pagerduty_changes,
    slack,
    teams,
    webhook,
)
from collector.paging.request import Message
from schemas.page import Delivery
from schemas.paging import Paging


class DestinationKind(Protocol):
    """What a file in destinations/ offers."""

    def render(self, delivery: Delivery, settings: Any, paging: Paging, now: datetime) -> Message | None:
        """The message of one attempt; None when this change is none that such a receiver knows."""
        ...


DESTINATIONS: Mapping[str, DestinationKind] = MappingProxyType(
    {
        "webhook": webhook,
        "pagerduty": pagerduty,
        "pagerduty_changes": pagerduty_changes,
        "slack": slack,
        "teams": teams,
        "discord": discord,
        "email": email,
        "alertmanager": alertmanager,
        "opsgenie": opsgenie,
        "incidentio": incidentio,
        "apprise": apprise,
    }
)

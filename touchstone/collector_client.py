"""Asks the collector to do something, over its API, with the agent's token."""

from __future__ import annotations

import getpass
from typing import Any

from collector import response_client
from schemas.config import Agent


def whoami() -> str:
    """The name of whoever runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return "somebody"


def ask(settings: Agent, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """As `collector.response_client.ask`, of the collector at `agent.collector_url`."""
    return response_client.ask(settings.collector_url, settings.token, path, body)

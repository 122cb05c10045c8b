"""The transactional store that the settings name."""

from __future__ import annotations

from pathlib import Path

from collector.storage.ledger import Ledger
from schemas.config import Settings


def open_ledger(settings: Settings, owner: str) -> Ledger:
    """Open it, a file or a server; *owner* names whoever leases pages. Raises StoreUnavailable."""
    collector = settings.collector
    place = collector.state if collector.shared_state else Path(collector.state)
    return Ledger(place, owner=owner, password=collector.state_password, simulated=settings.simulated)

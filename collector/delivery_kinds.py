"""What became of a page: delivered, late, dead or not yet; the page *Pages* and `touchstone pages` say the same."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from collector.storage.delivery_queries import DeliveryRow

READ_MAX = 100  # deliveries, what is dead first
KINDS: Mapping[str, str] = MappingProxyType(
    {"delivered": "delivered", "late": "late", "dead": "dead", "waiting": "not yet"}
)


def words(one: DeliveryRow) -> str:
    """`delivered, late` where it was; what is tried again says so."""
    said = {"late": "delivered, late", "waiting": "not yet: it is tried again"}
    return said.get(one.kind, one.kind)

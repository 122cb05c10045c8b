"""The pages, for those that lead to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Pages:
    """Every page as `st.page_link` takes it."""

    status: Any
    provider: Any
    incidents: Any
    incident: Any
    sla: Any
    capacity: Any

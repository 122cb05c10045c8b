"""
The catalogue of pages: one line each.

A page is a file in dashboard/views/ whose `show(pages)` draws it, and a line here. Its `ahead(asked)`, if it has one,
begins what it reads (reading_ahead.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import streamlit as st

from dashboard.reading_ahead import read_ahead


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One page: *name* is its address and the module of its view, *answers* the question it is there for.

    One that is not *listed* is of one thing that the address names, and reached by links.
    """

    name: str
    title: str
    answers: str
    listed: bool = True


CATALOGUE = (
    Entry("status", "Status", "Is anything broken, and whom can I trust?"),
    Entry("incidents", "Incidents", "What happened, who noticed, and what is held quiet?"),
    Entry("compare", "Compare", "Who gives most for the money?"),
    Entry("capacity", "Capacity", "How full is it, when is it full, and who could take its load?"),
    Entry("sla", "SLA and credits", "What was promised, what is owed, until when must it be claimed?"),
    Entry("pages", "Pages", "Did the page go out?"),
    Entry("integrity", "Integrity", "Whose claims are contradicted, by which checks?"),
    Entry("reports", "Reports", "What do I send?"),
    Entry("method", "Method", "How is it measured and judged here?"),
    Entry("health", "Monitor health", "Is the monitor itself healthy?"),
    Entry("provider", "Provider", "Why this tier, are the claims true, what changed?", listed=False),
    Entry("cluster", "Cluster", "What is claimed of it, what is measured, what changed?", listed=False),
    Entry("incident", "Incident", "What is it, who was told, who has it?", listed=False),
)
FIRST = CATALOGUE[0].name
BARE = "first"  # stands in no address


class Pages:
    """Every page of the catalogue by its name, as `st.page_link` takes it: `pages.provider`."""

    def __init__(self, first: str = FIRST) -> None:
        """*first* is the page of the bare address, and has its own as well."""
        self._pages = {entry.name: self._page(entry, first=entry.name == first) for entry in CATALOGUE}
        self._alias = next(self._page(entry) for entry in CATALOGUE if entry.name == first)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_pages"][name]
        except KeyError:
            raise AttributeError(f"no page is called {name!r}") from None

    @property
    def every(self) -> list[Any]:
        """All of them, in the order of the catalogue, as `st.navigation` takes them."""
        return [*self._pages.values(), self._alias]

    def _page(self, entry: Entry, *, first: bool = False) -> Any:
        # Streamlit serves its default page at the bare address only, and tells whoever asks for its name that there is
        # no such page; so the name is the alias's.
        address = BARE if first else entry.name
        return st.Page(self._view(entry.name), title=entry.title, url_path=address, default=first)

    def _view(self, name: str) -> Callable[[], None]:
        def draw() -> None:
            read_ahead(name, _asked())
            import_module(f"dashboard.views.{name}").show(self)

        return draw


def _asked() -> dict[str, str]:
    """What the address asks for, with what was chosen on the page since."""
    chosen = {str(key): value for key, value in st.session_state.items() if isinstance(value, str)}
    return {**st.query_params.to_dict(), **chosen}

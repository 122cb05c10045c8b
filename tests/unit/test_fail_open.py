"""While the transactional store does not answer, openings are paged from what is known, and never taken for stored."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Decision
from collector.paging.fail_open import Decide, Deliveries, FailOpen
from collector.paging.outbox import deliveries_of
from schemas.errors import StoreUnavailable
from schemas.incident import Change, PageIntent
from schemas.page import Delivery
from tests.support.ledgers import deciding
from tests.support.pages import PAGING


class Store:
    """A step in memory, that can be away."""

    def __init__(self) -> None:
        self.state, self.away = HotState(), False

    def step(self, decide: Decide, deliveries: Deliveries) -> Decision:
        """As Ledger.step."""
        if self.away:
            raise StoreUnavailable("transactional store (state): away")
        decision = decide(self.state)
        self.state = decision.state
        return decision


class Pager:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def send_directly(self, deliveries: Sequence[Delivery]) -> None:
        """Keep the ids."""
        self.told += [one.webhook_id() for one in deliveries]

    def store_is_back(self) -> None:
        """Keep that."""
        self.told.append("back")


def routed(intents: Sequence[PageIntent], known: object) -> Sequence[Delivery]:
    """Along the route; nobody was told before."""
    assert known == {}
    return deliveries_of(intents, PAGING, {})


def test_a_page_goes_out_directly_while_the_store_is_away() -> None:
    """Under the id that it has when it is decided again; each decision builds on the one before."""
    store, pager = Store(), Pager()
    failing = FailOpen(store.step, pager)
    failing.step(deciding(Change.OPENED, page=False), routed)
    store.away = True
    for change in (Change.PROMOTED, Change.RAISED):
        with pytest.raises(StoreUnavailable):
            failing.step(deciding(change), routed)
    assert pager.told == ["inc-1.2.hook", "inc-1.2.on-call", "inc-1.3.hook", "inc-1.3.on-call"]

    store.away = False
    again = failing.step(deciding(Change.PROMOTED), routed)
    assert [f"{wish.incident}.{wish.seq}" for wish in again.intents] == ["inc-1.2"]
    assert pager.told[4:] == ["back"]
    failing.step(deciding(Change.RAISED), routed)
    assert pager.told[5:] == []


def test_a_store_that_has_never_answered_pages_nobody() -> None:
    """What is open already is not known: it would get another id, and another page."""
    store, pager = Store(), Pager()
    store.away = True
    with pytest.raises(StoreUnavailable):
        FailOpen(store.step, pager).step(deciding(Change.OPENED), routed)

    assert pager.told == []

"""Offers side by side, by what the store has of them and what the configuration says of money."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from collector.judgement.sla.statement import Statement
from collector.judgement.value.comparison import Terms
from collector.judgement.value.gpu_hour import purchases
from collector.storage.queries import Reader
from schemas.config import Configuration
from touchstone.contracts import shares_of


def terms_of(configuration: Configuration, reader: Reader, at: datetime, providers: Sequence[str]) -> Terms:
    """
    Prices, purchases and the months of *providers* that can still matter at *at*.

    Blocking; raises StoreUnavailable or StoreRejected.
    """
    settings = configuration.settings
    contracts = configuration.contracts
    bought = {name: found for name in providers if name in contracts and (found := purchases(contracts[name]))}
    statements: list[Statement] = []
    for share in shares_of(configuration, {name: contracts[name] for name in bought}, at):
        statements += share.statements(reader.records(share, at))
    return Terms(
        prices=configuration.fleet.prices(),
        currencies=configuration.fleet.currencies(settings.value.currency),
        bought=bought,
        statements=statements,
        claims=reader.claims(at) if bought else {},
        capital_rate=settings.value.capital_rate,
        confidence=settings.tiers.confidence,
        n_min=settings.tiers.observations_min,
    )

"""Contracts, counted by what the store has of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import click

from collector.judgement.sla.account import Share, shares
from collector.judgement.sla.pace import pace
from collector.judgement.sla.period import open_months
from collector.judgement.sla.statement import Statement
from collector.storage.queries import Reader
from schemas.config import Configuration
from schemas.contract import Contract


def contract_with(configuration: Configuration, provider: str) -> Contract:
    """The contract with *provider*; raises UsageError, with the providers that have one, when there is none."""
    contracts = configuration.contracts
    if provider not in contracts:
        known = ", ".join(sorted(contracts)) or "nobody: `contracts:` in touchstone.yaml names a folder of them"
        raise click.UsageError(f"there is no contract with {provider!r}; there is one with {known}")
    return contracts[provider]


def shares_of(
    configuration: Configuration, contracts: Mapping[str, Contract], at: datetime, month: str | None = None
) -> Iterator[Share]:
    """What there is to count of *contracts* (by provider) at *at*: of *month*, else of those that can still matter."""
    for provider, contract in sorted(contracts.items()):
        for label in (month,) if month is not None else open_months(contract, at):
            yield from shares(provider, contract, label, at, pace(configuration, provider))


def counted_by_contracts(configuration: Configuration, at: datetime) -> tuple[Statement, ...]:
    """Every month that can still matter, as known at *at*. Blocking; raises StoreUnavailable or StoreRejected."""
    with Reader.open(configuration.settings.store) as reader:
        return tuple(
            statement
            for share in shares_of(configuration, configuration.contracts, at)
            for statement in share.statements(reader.records(share, at))
        )

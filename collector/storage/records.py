"""Records beside the facts: which configuration and contracts held from when on. Secrets are masked before that."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson

from collector.judgement.sla.billing_month import midnight
from collector.storage.client import Client
from schemas.config import Configuration
from schemas.contract import Contract

LATEST = """
SELECT argMax(digest, at), max(at), argMax(version, at), count() FROM {database}.configuration_versions"""
# Parameter: at (ms since the epoch).
CONFIGURATION_AT = """
SELECT argMax(body, at), count() FROM {database}.configuration_versions
WHERE at <= fromUnixTimestamp64Milli({at:Int64})"""


@dataclass(frozen=True, slots=True)
class NotedConfiguration:
    """Which configuration a collector of *version* noted last."""

    digest: str
    at: datetime
    version: str


def configuration_body(configuration: Configuration) -> str:
    """The configuration as JSON with sorted keys; every secret is a row of stars."""
    return orjson.dumps(configuration.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS).decode()


def configuration_digest(configuration: Configuration) -> str:
    """16 hex digits that name *configuration*."""
    return _digest(configuration_body(configuration))


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


async def note_configuration(client: Client, configuration: Configuration, version: str, at: datetime) -> bool:
    """Store *configuration* as what holds from *at* on; False when it is the one that held already."""
    body = configuration_body(configuration)
    digest = _digest(body)
    latest, _, _, n = (await client.rows(LATEST))[0]
    if n and latest == digest:
        return False
    names = ("digest", "at", "version", "body")
    await client.insert("configuration_versions", names, None, [[digest, at, version, body]])
    await _note_contracts(client, configuration.contracts, at)
    return True


async def _note_contracts(client: Client, contracts: Mapping[str, Contract], at: datetime) -> None:
    """Every contract as it is written; the same one again is the same row."""
    rows = []
    for provider, contract in sorted(contracts.items()):
        body = orjson.dumps(contract.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS).decode()
        begins = contract.versions[0]
        rows.append(
            [
                provider,
                _digest(body),
                midnight(begins.begins, begins.time_zone),
                at,
                body,
            ]
        )
    if rows:
        await client.insert("contracts", ("provider", "digest", "valid_from", "at", "body"), None, rows)

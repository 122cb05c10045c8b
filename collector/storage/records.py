"""Records beside the facts: which configuration held from when on. Secrets are masked before they come here."""

from __future__ import annotations

import hashlib
from datetime import datetime

import orjson

from collector.storage.client import Client
from schemas.config import Configuration

_LATEST = "SELECT argMax(digest, at), count() FROM {database}.configuration_versions"


def configuration_body(configuration: Configuration) -> str:
    """The configuration as JSON with sorted keys; every secret is a row of stars."""
    return orjson.dumps(configuration.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS).decode()


async def note_configuration(client: Client, configuration: Configuration, version: str, at: datetime) -> bool:
    """Store *configuration* as what holds from *at* on; False when it is the one that held already."""
    body = configuration_body(configuration)
    digest = hashlib.sha256(body.encode()).hexdigest()[:16]
    latest, n = (await client.rows(_LATEST))[0]
    if n and latest == digest:
        return False
    names = ("digest", "at", "version", "body")
    await client.insert("configuration_versions", names, None, [[digest, at, version, body]])
    return True

"""How the samples of observations stand in the table `integrity_samples`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from collector.storage.rows import StoredRow, to_ms
from schemas.observation import Source

TABLE = "integrity_samples"
COLUMNS = ("tick", "provider", "cluster", "target", "vantage", "name", "sample", "n", "value", "text", "at")
COLUMN_TYPES = (
    "DateTime64(3, 'UTC')", *["LowCardinality(String)"] * 5, "String", "UInt16", "Float64", "String",
    "DateTime64(3, 'UTC')",
)  # fmt: skip


def sample_rows(rows: Iterable[StoredRow]) -> Iterator[list[Any]]:
    """
    The samples of *rows* as values of COLUMNS; n numbers them within their observation.

    Only a probe's own tick has samples: a re-probe counts nowhere, and of real traffic no content is ever kept.
    """
    for row in rows:
        o = row.observation
        if o.samples and o.attempt == 0 and o.source is Source.ACTIVE:
            place = (to_ms(o.tick), o.provider, o.cluster, o.target, o.vantage)
            for n, one in enumerate(o.samples):
                yield [*place, one.series, one.item, n, one.value, one.text, to_ms(row.ingested_at)]

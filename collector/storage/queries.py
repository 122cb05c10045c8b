"""
What the dashboard, the command line and the exports read; what the collector writes is in clickhouse.py.

Synchronous. Every value travels as a server-side parameter. Times are aware UTC, windows are [start, end).
"""

from __future__ import annotations

from collector.storage import monitor_queries, rollup_sql
from collector.storage.charted import Charted, Freshness
from collector.storage.client import of_ms, to_ms
from collector.storage.compared import Compared
from collector.storage.monitor_queries import MonitorHealth, TableSize
from collector.storage.recorded import Recorded
from collector.storage.rollups import MARKS
from collector.storage.summarised import Summarised

__all__ = ["Freshness", "Reader"]


class Reader(Recorded, Charted, Compared, Summarised):
    """An open store: its records, and what is counted of its observations."""

    def monitor_health(self) -> MonitorHealth:
        """How the monitor itself is: what its vantages send, what was worked out from it, what the store holds."""
        now = self.now()
        at = {"now": to_ms(now)}
        mark_ms, marks = self._rows(rollup_sql.MARK, names=list(MARKS))[0]
        examined_at, examinations = self._rows(monitor_queries.EXAMINED)[0]
        return MonitorHealth(
            now=now,
            vantages=monitor_queries.vantages_of(
                self._rows(monitor_queries.VANTAGES, **at),
                self._rows(monitor_queries.LAST_HOUR, **at),
                self._rows(monitor_queries.UNSEEN, **at),
            ),
            rolled_up_to=of_ms(mark_ms) if marks == len(MARKS) else None,
            judged_at=max((verdict.at for verdict in self.latest_verdicts()), default=None),
            examined_at=examined_at if examinations else None,
            engine=self.engine_version(),
            schema=max(self.migrations(), default=0),
            tables=tuple(
                TableSize(*row) for row in self._rows(monitor_queries.STORED, database_name=self._store.database)
            ),
        )

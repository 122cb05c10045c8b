"""The monitor's own health as HTML: each sign with a state in words. Names come from outside: all go through `text`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from collector.judgement import wording
from collector.judgement.wording import count, duration, percent
from collector.storage.monitor_queries import MonitorHealth, VantageHealth
from dashboard import markup
from dashboard.markup import text

UNSEEN_SHARE_MAX = 0.01  # more than that not observed, and figures of providers get wide


class State(StrEnum):
    """How one sign is; the word stands beside the colour."""

    WELL = "well"
    LATE = "late"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, value: float, most: float) -> State:
        """Late when *value* is more than *most*."""
        return cls.LATE if value > most else cls.WELL


_LOOK = {State.WELL: ("good", "✓"), State.LATE: ("severe", "▲"), State.UNKNOWN: ("unknown", "?")}


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that is well, late or unknown, with its value and what that means."""

    name: str
    state: State
    value: str
    means: str


def age(name: str, at: datetime | None, now: datetime, most_s: float, words: str) -> Sign:
    """How old something is that is late after *most_s*, in *words*; unknown when it never was."""
    if at is None:
        return Sign(name, State.UNKNOWN, "never", f"late after {words}")
    old_s = max((now - at).total_seconds(), 0.0)
    return Sign(name, State.of(old_s, most_s), f"{duration(old_s)} ago", f"{markup.stamp(at)}; late after {words}")


def signs(several: Iterable[Sign]) -> str:
    """Each as a tile."""
    return f'<div class="ts-signs">{"".join(map(_sign, several))}</div>'


def _sign(one: Sign) -> str:
    look, mark = _LOOK[one.state]
    return (
        f'<div class="ts-sign ts-{look}"><span>{text(one.name)}</span><b>{text(one.value)}</b>'
        f'<em class="ts-result ts-{look}">{mark} {text(one.state)}</em><small>{text(one.means)}</small></div>'
    )


def vantages(several: Sequence[VantageHealth], now: datetime, stale_after_s: float) -> str:
    """One line for each vantage."""
    header = ("Vantage", "Newest", "Rows a minute", "n", "Not observed", "Began late p50", "late p99", "n begun",
              "Stored after p50", "stored p99", "Agent")  # fmt: skip
    rows = (markup.raw_row(_vantage(one, now, stale_after_s)) for one in several)
    return markup.table(header, rows, "ts-list")


def _vantage(one: VantageHealth, now: datetime, stale_after_s: float) -> Sequence[str]:
    old_s = max((now - one.newest_tick).total_seconds(), 0.0)
    share = one.not_observed / one.n if one.n else None
    gone = State.UNKNOWN if share is None else State.of(share, UNSEEN_SHARE_MAX)
    return (
        f"<b>{text(one.vantage)}</b>",
        _stated(State.of(old_s, stale_after_s), f"{duration(old_s)} ago", "late"),
        text(f"{one.n / 60:.1f}"),
        text(count(one.n)),
        _stated(gone, wording.UNKNOWN if share is None else percent(share), "too many"),
        text(wording.milliseconds(one.late_p50_ms)),
        text(wording.milliseconds(one.late_p99_ms)),
        text(count(one.made_n)),
        text(wording.milliseconds(one.insert_p50_ms)),
        text(wording.milliseconds(one.insert_p99_ms)),
        text(", ".join(one.versions) or wording.UNKNOWN),
    )


def _stated(state: State, value: str, beyond: str) -> str:
    look, mark = _LOOK[state]
    said = f", {beyond}" if state is State.LATE else ""
    return f'<b class="ts-result ts-{look}">{mark} {text(value + said)}</b>'


def unseen(several: Sequence[VantageHealth]) -> str:
    """Why ticks were not observed, by vantage; '' when all were."""
    rows = [
        markup.row((one.vantage, reason, count(n), percent(n / one.n), count(one.n)))
        for one in several
        for reason, n in one.unseen
    ]
    if not rows:
        return ""
    header = ("Vantage", "Reason", "Ticks", "Share", "n")
    return f"<h3>Not observed, and why</h3>{markup.table(header, rows, 'ts-list ts-narrow')}"


def store(found: MonitorHealth) -> str:
    """What lies on disk, table by table, and which versions."""
    head = (
        f'<h2>Store</h2><p class="ts-note">ClickHouse {text(found.engine)}, schema {found.schema}; '
        f"{text(size(sum(one.bytes for one in found.tables)))} in "
        f"{text(count(sum(one.parts for one in found.tables)))} parts</p>"
    )
    rows = [markup.row((one.table, count(one.rows), size(one.bytes), count(one.parts))) for one in found.tables]
    return head + markup.table(("Table", "Rows", "On disk", "Parts"), rows, "ts-list ts-narrow ts-long")


def size(n: int) -> str:
    """Bytes in the unit that leaves at least one of them: `1.4 GiB`."""
    value, units = float(n), ["bytes", "KiB", "MiB", "GiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{n} bytes" if units[0] == "bytes" else f"{value:.1f} {units[0]}"

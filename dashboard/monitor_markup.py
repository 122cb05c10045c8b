"""The monitor's own health as HTML: each sign with a state in words. Names come from outside: all go through `text`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collector.judgement import wording
from collector.judgement.wording import count, percent, size
from collector.monitor_signs import Sign, State, VantageSigns
from collector.storage.monitor_queries import MonitorHealth, VantageHealth
from dashboard import markup
from dashboard.markup import text

_LOOK = {State.WELL: ("good", "✓"), State.LATE: ("severe", "▲"), State.UNKNOWN: ("unknown", "?")}


def signs(several: Iterable[Sign]) -> str:
    """Each as a tile."""
    return f'<div class="ts-signs">{"".join(map(_sign, several))}</div>'


def _sign(one: Sign) -> str:
    look, mark = _LOOK[one.state]
    return (
        f'<div class="ts-sign ts-{look}"><span>{text(one.name)}</span><b>{text(one.value)}</b>'
        f'<em class="ts-result ts-{look}">{mark} {text(one.state)}</em><small>{text(one.means)}</small></div>'
    )


def vantages(several: Iterable[VantageSigns]) -> str:
    """One line for each vantage."""
    header = ("Vantage", "Newest", "Rows a minute", "n", "Not observed", "Began late p50", "late p99", "n begun",
              "Stored after p50", "stored p99", "Agent")  # fmt: skip
    return markup.table(header, (markup.raw_row(_vantage(one)) for one in several), "ts-list")


def _vantage(signs: VantageSigns) -> Sequence[str]:
    one = signs.health
    return (
        f"<b>{text(one.vantage)}</b>",
        _stated(signs.newest, signs.newest_words, "late"),
        text(f"{signs.rows_a_minute:.1f}"),
        text(count(one.n)),
        _stated(signs.unseen, signs.unseen_words, "too many"),
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

"""HTML for st.html. Everything that comes from outside goes through `text`; what is returned is safe to join."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import quote

from collector.judgement import wording
from collector.judgement.day_marks import Day, day_title, summary
from schemas.verdict import Gate, Tier, Verdict

TIER_NAME = {tier: tier.value.capitalize() for tier in Tier}
RESULT_SIGN = {True: "✓", False: "✗", None: "?"}
_MARKDOWN = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]()<>#+-.!|$~&@"} | {"\n": " ", ":": "\\:\u2060"})


def text(value: object) -> str:
    """*value* as HTML text, also fit for a quoted attribute."""
    return escape(str(value), quote=True)


def plain(value: object) -> str:
    """
    *value* as Markdown that shows just its characters: no link, image, colour, icon or formula.

    Streamlit looks for `:material/...` after escapes are gone, so a word joiner, which has no width, follows a colon.
    """
    return str(value).translate(_MARKDOWN)


def badge(tier: Tier) -> str:
    """A tier as a pill: sign, word and colour."""
    return f'<span class="ts-badge ts-{tier}">{wording.TIER_SIGN[tier]} {TIER_NAME[tier]}</span>'


def bars(days: Sequence[Day]) -> str:
    """One bar a day, oldest first; hovering tells the numbers."""
    marks = "".join(f'<i class="ts-{day.mark}" title="{text(day_title(day))}"></i>' for day in days)
    return f'<div class="ts-bars" role="img" aria-label="{text(summary(days))}">{marks}</div>'


def cluster_link(cluster: str) -> str:
    """A cluster (full id) by its own name, as a link to its page."""
    address = f"cluster?cluster={quote(cluster, safe='')}"
    return f'<a href="{text(address)}" target="_self">{text(cluster.partition("/")[2] or cluster)}</a>'


def figure(verdict: Verdict | None) -> str:
    """Availability interval and sample size."""
    if verdict is None:
        return '<div class="ts-figure"><b class="ts-dim">unknown</b><small>n 0</small></div>'
    low, high = wording.availability_bounds(verdict)
    said = text(wording.interval(low, high)).replace(" to ", "<span> to </span>")
    return f'<div class="ts-figure"><b>{said}</b><small>n {text(wording.count(verdict.n))}</small></div>'


def ruler(verdict: Verdict, lines: Sequence[tuple[str, float]]) -> str:
    """The availability interval on a scale of nines, with the *lines* (name, share) that tiers draw."""
    low, high = wording.availability_bounds(verdict)
    return "" if low is None or high is None else scale(low, high, verdict.tier, lines)


def scale(low: float, high: float, look: str, lines: Sequence[tuple[str, float]]) -> str:
    """An interval of shares on a scale of nines, in the colour of *look*, with *lines* (name, share) across it."""
    left, right = _nines(low), _nines(high)
    ticks = "".join(
        f'<i style="left:{_nines(share):.2f}%"></i><em style="left:{_nines(share):.2f}%">{text(name)}</em>'
        for name, share in lines
    )
    marks = "".join(
        f'<small style="left:{_nines(share):.2f}%">{label}</small>'
        for share, label in ((0.9, "90"), (0.99, "99"), (0.999, "99.9"), (0.9999, "99.99 %"))
    )
    band = f'<b class="ts-{look}" style="left:{left:.2f}%;width:{max(right - left, 0.6):.2f}%"></b>'
    label = text(f"availability {wording.interval(low, high)}")
    return f'<div class="ts-ruler" role="img" aria-label="{label}"><div>{band}{ticks}{marks}</div></div>'


def _nines(share: float) -> float:
    """Where *share* stands on the ruler, in percent of its width: 80 % at 0, 99.995 % and more at 100."""
    low, high = -math.log10(0.2), -math.log10(0.00005)
    nines = -math.log10(max(1 - share, 0.00005))
    return min(100.0, max(0.0, (nines - low) / (high - low) * 100))


def gates(verdict: Verdict) -> str:
    """Every gate with value, threshold, sample size and result, by tier."""
    parts = []
    for tier in wording.TIER_ORDER:
        found = [gate for gate in verdict.gates if gate.tier is tier]
        if found:
            means = "each alone proves it" if tier is Tier.SUSPECT else "all must pass"
            parts.append(f'<tr class="ts-group"><th colspan="6">{badge(tier)} <span>{means}</span></th></tr>')
            parts += [_gate(gate) for gate in found]
    return table(("Result", "Gate", "Value", "Threshold", "n", "What it says"), parts, "ts-gates")


def _gate(gate: Gate) -> str:
    # Proving suspect is bad news, so its colours are turned round; the words say it anyway.
    good = gate.passed if gate.tier is not Tier.SUSPECT or gate.passed is None else not gate.passed
    look = {True: "good", False: "severe", None: "unknown"}[good]
    effective = "" if gate.n_effective is None else f"<small>effective {gate.n_effective:,.0f}</small>"
    cells = (
        f'<b class="ts-result ts-{look}">{RESULT_SIGN[good]} {text(wording.gate_result(gate))}</b>',
        text(wording.gate_title(gate)),
        f"<b>{text(wording.gate_value(gate, gate.value))}</b>",
        text(f"{gate.op} {wording.gate_value(gate, gate.threshold)}"),
        f"{text(wording.count(gate.n))}{effective}",
        f'<span class="ts-note">{text(gate.note)}</span>',
    )
    return f'<tr data-gate="{text(gate.tier)}-{text(gate.name)}">{_cells(cells)}</tr>'


def table(header: Sequence[str], rows: Iterable[str], kind: str) -> str:
    """A table of ready `<tr>`s that scrolls sideways by itself."""
    head = "".join(f"<th>{text(name)}</th>" for name in header)
    return (
        f'<div class="ts-scroll {kind}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def row(cells: Iterable[object]) -> str:
    """A `<tr>` of plain values, escaped."""
    return f"<tr>{_cells(text(cell) for cell in cells)}</tr>"


def raw_row(cells: Iterable[str]) -> str:
    """A `<tr>` of cells that are HTML already."""
    return f"<tr>{_cells(cells)}</tr>"


def _cells(cells: Iterable[str]) -> str:
    return "".join(f"<td>{cell}</td>" for cell in cells)


def notes(*lines: str) -> str:
    """Lines of text, one below the other, as remarks."""
    return f'<ul class="ts-note">{"".join(f"<li>{text(line)}</li>" for line in lines)}</ul>'

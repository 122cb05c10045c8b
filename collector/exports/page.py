"""
Pages that stand alone: one HTML file, styles and drawings in it, no script, nothing fetched; light when printed.

Everything that comes from outside goes through `text`; what these functions return is safe to join.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from types import MappingProxyType

from collector.judgement.day_marks import MEANING, Day, Mark, day_title, summary
from collector.judgement.wording import TIER_SIGN, percent
from schemas.verdict import Tier

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
BAR, GAP, HEIGHT = 5, 1, 32  # of a day, in units of the drawing
WORD_CHARS_MAX = 18  # a longer one is broken where a table needs it
HEIGHT_OF: Mapping[Mark, float] = MappingProxyType(  # in shares: a day is told by its height as well as its colour
    {
        Mark.GOOD: 0.54,
        Mark.SLOW: 0.62,
        Mark.MINOR: 0.74,
        Mark.BAD: 0.87,
        Mark.SEVERE: 1.0,
        Mark.PARTIAL: 0.4,
        Mark.UNKNOWN: 0.14,
    }
)


def text(value: object) -> str:
    """*value* as HTML text on one line, read from left to right; also fit for a quoted attribute."""
    return escape("".join(letter if letter.isprintable() else " " for letter in str(value)), quote=True)


def document(title: str, body: str) -> str:
    """A whole page that ends in a newline; *title* is text, *body* is HTML."""
    style = files("collector.exports").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{text(POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def badge(tier: Tier) -> str:
    """A tier as a pill: sign, word and colour."""
    return f'<span class="badge {tier}">{TIER_SIGN[tier]} {tier.value.capitalize()}</span>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, look: Mapping[str, str] | None = None) -> str:
    """Rows of text as a table; a cell under `Result` gets the class that *look* has for its word."""
    head = "".join(f"<th>{text(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(_cells(header, row, look or {}))}</tr>\n" for row in rows)
    return f'<div class="table"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def _cells(header: Sequence[str], row: Sequence[str], look: Mapping[str, str]) -> Iterable[str]:
    for name, cell in zip(header, row, strict=True):
        kinds = [look.get(cell, "")] if name == "Result" else []
        if any(len(word) > WORD_CHARS_MAX for word in cell.split()):
            kinds.append("long")
        kind = " ".join(filter(None, kinds))
        yield f'<td class="{kind}">{text(cell)}</td>' if kind else f"<td>{text(cell)}</td>"


def bars(days: Sequence[Day]) -> str:
    """One bar a day, oldest first, as a drawing; each tells its numbers, and the whole is said in words."""
    marks = "".join(_bar(number, day) for number, day in enumerate(days))
    return (
        f'<svg class="bars" role="img" aria-label="{text(summary(days))}" preserveAspectRatio="none" '
        f'viewBox="0 0 {len(days) * (BAR + GAP)} {HEIGHT}">{marks}</svg>'
    )


def answered(days: Sequence[Day]) -> str:
    """The share that was answered over *days*, of how many probes, on how many of the days."""
    known = sum(day.known for day in days)
    good = sum(day.ok + day.degraded for day in days)
    share = percent(good / known if known else None)
    return f"{share} answered, n {known}, {sum(day.known > 0 for day in days)} of {len(days)} days"


def _bar(number: int, day: Day) -> str:
    high = HEIGHT_OF[day.mark] * HEIGHT
    return (
        f'<rect class="{day.mark}" x="{number * (BAR + GAP)}" y="{HEIGHT - high:g}" width="{BAR}" height="{high:g}">'
        f"<title>{text(day_title(day))}</title></rect>"
    )


def legend(days: int) -> str:
    """The rule by which days are drawn."""
    keys = "".join(f'<span><i class="{mark}"></i>{text(words)}</span>' for mark, words in MEANING.items())
    return f'<p class="legend"><em>{days} days, UTC, oldest left; shares of the probes of a day</em>{keys}</p>'

"""A provider's tier as a badge: a small SVG to show on a page of one's own. Pure; every text is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from collector.exports.page import text
from collector.judgement.wording import TIER_SIGN, count, duration
from schemas.verdict import Tier, Verdict

STALE = timedelta(hours=6)  # a verdict is given every minute: one so old says nothing of now
COLOUR: Mapping[Tier, str] = MappingProxyType(
    {Tier.GOLD: "#94660c", Tier.RELIABLE: "#24699a", Tier.SUSPECT: "#b02045", Tier.UNRATED: "#646a74"}
)
HIGH, PAD = 20, 6
LABEL_CHARS_MAX = 63
_SIGN_PX, _WIDE_PX, _THIN_PX, _LETTER_PX = 9.0, 10.4, 4.2, 7.0  # at 11 px; the text is fitted to their sum
_WIDE, _THIN = frozenset("mwMW@%"), frozenset("fijlrtI.,:;'|! -")


def badge(verdict: Verdict, now: datetime, *, simulated: bool) -> str:
    """The badge of *verdict* at *now*; one that is stale says how old it is, and no tier."""
    age = now - verdict.at
    if age > STALE:
        words, colour = f"not judged for {duration(age)}", COLOUR[Tier.UNRATED]
    else:
        words, colour = f"{TIER_SIGN[verdict.tier]} {verdict.tier.value}", COLOUR[verdict.tier]
    if simulated:
        words += ", simulated"
    window_d = (verdict.at - verdict.window_start).total_seconds() / 86400
    title = (
        f"{verdict.provider}: {words}; judged by Touchstone at {verdict.at:%Y-%m-%d %H:%M} UTC "
        f"over {window_d:.4g} days, n {count(verdict.n)}"
    )
    return drawn(verdict.provider[:LABEL_CHARS_MAX], words, colour, title)


def drawn(label: str, words: str, colour: str, title: str) -> str:
    """Two fields side by side as SVG that ends in a newline."""
    left, right = _width(label), _width(words)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{HIGH}" role="img" '
        f'aria-label="{text(title)}"><title>{text(title)}</title>'
        f'<rect width="{left + right}" height="{HIGH}" rx="4" fill="{colour}"/>'
        f'<path d="M4 0h{left - 4}v{HIGH}H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4z" fill="#30353d"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" lengthAdjust="spacingAndGlyphs">'
        f"{_field(label, 0, left)}{_field(words, left, right)}</g></svg>\n"
    )


def _width(words: str) -> int:
    return round(sum(map(_letter_px, words))) + 2 * PAD


def _letter_px(letter: str) -> float:
    if letter in _WIDE:
        return _WIDE_PX
    if letter in _THIN:
        return _THIN_PX
    return _SIGN_PX if ord(letter) > 0x2000 else _LETTER_PX


def _field(words: str, left: int, width: int) -> str:
    return f'<text x="{left + PAD}" y="14" textLength="{width - 2 * PAD}">{text(words)}</text>'

"""A scorecard as PDF: the page of scorecard_html, printed on A4 by a Chromium of this machine."""

from __future__ import annotations

from collector.exports import scorecard_html
from collector.exports.printing import printed
from collector.exports.scorecard import Scorecard


def render(card: Scorecard) -> bytes:
    """The card as PDF, dated at its end; raises ExportError when there is no Chromium, or it prints nothing."""
    return printed(scorecard_html.render(card), card.end)

"""
What every page must be for everybody, looked at in a browser: readable, named, told in words, as wide as the screen.

Each check answers with what is wrong, in words; an empty list is good. Colours are what the browser computed, so that
mixed colours and translucent layers count as they are seen. Text within charts is pixels: a chart has words beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

CONTRAST_MIN = 4.5  # WCAG 2.2, 1.4.3, of text of any size
SHOWN_MAX = 12  # of what is wrong
_CHECKS = Path(__file__).with_suffix(".js").read_text()


def too_faint(page: Any) -> list[str]:
    """Text with less contrast than people with weak eyes need."""
    return shortened(_wrong(page, "tooFaint", CONTRAST_MIN))


def nameless(page: Any) -> list[str]:
    """Controls that a screen reader can only call a button or a link."""
    return shortened(_wrong(page, "nameless"))


def wordless(page: Any) -> list[str]:
    """Pictures and charts without words beside them."""
    return shortened(_wrong(page, "wordless"))


def sideways(page: Any) -> list[str]:
    """What does not fit the width of the screen, and does not scroll within itself."""
    return shortened(_wrong(page, "sideways"))


def headless(page: Any) -> list[str]:
    """No heading of the page, or several."""
    return shortened(_wrong(page, "headless"))


def broken(page: Any) -> list[str]:
    """Boxes of exceptions and errors."""
    boxes = page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]')
    return shortened(boxes.all_inner_texts())


def shortened(wrong: list[str]) -> list[str]:
    """The first of them, and how many more there are."""
    return wrong if len(wrong) <= SHOWN_MAX else [*wrong[:SHOWN_MAX], f"and {len(wrong) - SHOWN_MAX} more"]


def _wrong(page: Any, check: str, given: float | None = None) -> list[str]:
    found: list[str] = page.evaluate(f"given => {_CHECKS}.{check}(given)", given)
    return found

"""A terminal that what comes from outside cannot steer: names, answers and errors of others are only shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from unicodedata import category

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment


def legible(value: object) -> str:
    """*value* as characters that a terminal shows; one that would steer it is written out: `\\x1b`."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(sign if sign == "\n" or category(sign)[0] != "C" else repr(sign)[1:-1] for sign in text)


class Terminal(Console):
    """Rich's console, on which all that is printed is `legible`; colours and movements of the cursor are its own."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of what is printed, and of each part of it."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(legible(segment.text), segment.style)

    def render_str(self, text: str, **settings: Any) -> Any:
        """Words, with their markup where it is asked for; made legible first, so that their width is known."""
        return super().render_str(legible(text), **settings)

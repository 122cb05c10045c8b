"""Tables of a terminal whose cells come from outside: no markup of theirs does anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> Table:
    """*rows* below *headings*, the first *left* columns flush left and folded where there is no room."""
    from rich.markup import escape
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, heading in enumerate(headings):
        words = place < left
        made.add_column(heading, justify="left" if words else "right", overflow="fold", min_width=8 if words else None)
    for row in rows:
        made.add_row(*(escape(cell) for cell in row))
    return made

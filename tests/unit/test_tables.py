"""Cells of a terminal's tables: whatever comes from outside is shown, and steers nothing."""

from __future__ import annotations

import io

from touchstone.tables import table
from touchstone.terminal import Terminal


def test_markup_is_shown_as_it_is_written() -> None:
    """In every column, folded where there is no room."""
    out = io.StringIO()
    Terminal(file=out, width=40).print(table(("Name", "n"), [("[red]one[/red]\x1b[31m", "[bold]1")]))

    assert "[red]one[/red]\\x1b[31m" in out.getvalue() and "[bold]1" in out.getvalue()
    assert "\x1b" not in out.getvalue()

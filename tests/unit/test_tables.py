"""Cells of a terminal's tables: whatever comes from outside is shown, and steers nothing."""

from __future__ import annotations

import io
from unicodedata import category

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from touchstone.tables import legible, table


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left(value: str) -> None:
    """Line breaks apart; what can be shown is as it was."""
    said = legible(value)

    assert not any(category(sign)[0] == "C" for sign in said.replace("\n", ""))
    assert said == value or any(category(sign)[0] == "C" for sign in value)


def test_markup_is_shown_as_it_is_written() -> None:
    """In every column, folded where there is no room."""
    out = io.StringIO()
    Console(file=out, width=40).print(table(("Name", "n"), [("[red]one[/red]\x1b[31m", "[bold]1")]))

    assert "[red]one[/red]\\x1b[31m" in out.getvalue() and "[bold]1" in out.getvalue()
    assert "\x1b" not in out.getvalue()

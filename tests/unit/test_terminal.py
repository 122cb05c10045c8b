"""What comes from outside is shown on a terminal, and steers none."""

from __future__ import annotations

import io
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from touchstone.terminal import Terminal, legible

EVIL = "acme\x1b]0;owned\x07\x1b[2J\u202egnp"  # names the window, wipes the screen, turns what follows around
SHOWN = "acme\\x1b]0;owned\\x07\\x1b[2J\\u202egnp"


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left(value: str) -> None:
    """Line breaks apart; what can be shown is as it was."""
    said = legible(value)

    assert not any(category(sign)[0] == "C" for sign in said.replace("\n", ""))
    assert said == value or any(category(sign)[0] == "C" for sign in value)


def _in_a_table() -> Table:
    made = Table("Provider", "n")
    made.add_row(EVIL, "1")
    return made


@pytest.mark.parametrize("printed", [EVIL, _in_a_table(), Panel(EVIL)], ids=["words", "table", "panel"])
def test_words_are_written_out_whole(printed: RenderableType) -> None:
    """Their width is counted as they are shown, so nothing is cut off and no border moves."""
    out = io.StringIO()
    Terminal(file=out, width=80, highlight=False).print(printed, markup=False)

    lines = out.getvalue().splitlines()
    assert any(SHOWN in line for line in lines)
    assert not any(category(sign)[0] == "C" for line in lines for sign in line)
    assert len({len(line) for line in lines}) == 1


def test_text_that_was_made_elsewhere_steers_nothing_either() -> None:
    """A `Text` has its width already."""
    out = io.StringIO()
    Terminal(file=out, width=80).print(Text(EVIL))

    assert "\x1b" not in out.getvalue() and "acme" in out.getvalue()


def test_colours_are_its_own() -> None:
    """Those that a command asks for."""
    out = io.StringIO()
    Terminal(file=out, width=80, force_terminal=True, color_system="standard", highlight=False).print(
        f"[red]{EVIL}[/red]"
    )

    assert out.getvalue() == f"\x1b[31m{SHOWN}\x1b[0m\n"

"""The page about the dashboard has every page of the catalogue, with its question and the commands with its numbers."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from dashboard.pages import CATALOGUE
from tests.support.compose import ROOT
from touchstone.cli import application

ROW = re.compile(r"^\| (`/.*?) \| (.*?) \| (.*?\?).*? \| (.*?) \|$", re.MULTILINE)


def rows() -> list[tuple[str, str, str, str]]:
    """Address, title, question and commands of every page that is written of."""
    return ROW.findall((ROOT / "docs/dashboard.md").read_text())


def test_every_page_stands_in_the_documentation_with_what_it_answers() -> None:
    """Address, title and question, and no page that is not there."""
    told = {title: (addresses, question) for addresses, title, question, _ in rows()}

    assert set(told) == {entry.title for entry in CATALOGUE}
    for entry in CATALOGUE:
        addresses, question = told[entry.title]
        assert f"`/{entry.name}" in addresses
        assert question == entry.answers


@pytest.mark.parametrize("title", [entry.title for entry in CATALOGUE])
def test_every_page_names_the_commands_that_have_its_numbers(title: str) -> None:
    """At least one; each exists, understands what is written, and prints for a program too."""
    (said,) = [commands for _, name, _, commands in rows() if name == title]
    commands = re.findall(r"`(.*?)`", said)
    assert commands

    for line in commands:
        name, *arguments = shlex.split(line)
        command = application.get_command(click.Context(application), name)
        assert command is not None, name
        command.make_context(name, arguments, parent=click.Context(application))
        assert {"--json", "--format"} & {option for one in command.params for option in one.opts}, name

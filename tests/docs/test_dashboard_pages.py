"""The page about the dashboard has every page of the catalogue, with the question that it answers."""

from __future__ import annotations

import re

from dashboard.pages import CATALOGUE
from tests.support.compose import ROOT


def test_every_page_stands_in_the_documentation_with_what_it_answers() -> None:
    """Address, title and question, and no page that is not there."""
    rows = re.findall(r"^\| (`/.*?) \| (.*?) \| (.*?\?)", (ROOT / "docs/dashboard.md").read_text(), re.MULTILINE)
    told = {title: (addresses, question) for addresses, title, question in rows}

    assert set(told) == {entry.title for entry in CATALOGUE}
    for entry in CATALOGUE:
        addresses, question = told[entry.title]
        assert f"`/{entry.name}" in addresses
        assert question == entry.answers

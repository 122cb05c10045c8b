"""Scorecards for programs and on paper: the schema that every card keeps, the page that stands alone, the PDF."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.exports import card_schema, page, printing
from collector.exports.catalog import rendered
from collector.exports.scorecard import Scorecard, scorecard
from collector.judgement.beside import Beside
from collector.judgement.day_marks import Day
from collector.judgement.double_standard import DoubleStandard
from collector.judgement.facts import ProviderFacts
from collector.judgement.tiers import judge
from schemas.config import TierPolicy
from schemas.errors import ExportError
from tests.support.claims import HOSTILE
from tests.unit.test_exports import AT, START, card

CHROMIUM = pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium here")


def empty() -> Scorecard:
    """The card of a provider of which nothing is known."""
    nothing = ProviderFacts(provider="acme", blocks=(), reasons={}, ttft_hists={})
    nobody = Beside("acme", START, AT, 0.95, (), DoubleStandard(None, None))
    return scorecard(judge("acme", None, TierPolicy(), AT, None), nothing, [], [], nobody, start=START, confidence=0.95)


def closed(node: Any) -> Any:
    """The schema *node* with no room for a key that it does not name."""
    if isinstance(node, dict):
        shut = {name: closed(inner) for name, inner in node.items()}
        return shut | ({"additionalProperties": False} if "properties" in node and "type" in node else {})
    return [closed(inner) for inner in node] if isinstance(node, list) else node


def test_the_shipped_schema_is_what_the_code_makes() -> None:
    """`make schemas` was run after the last change."""
    assert files("schemas").joinpath("scorecard.schema.json").read_bytes() == card_schema.rendered()


@pytest.mark.parametrize("made", [card(), empty(), card(examination=None)], ids=["full", "empty", "unexamined"])
def test_every_card_keeps_the_schema_and_the_schema_names_every_key(made: Scorecard) -> None:
    """It validates, also where no other key is allowed; one that lacks a key, or is of another format, does not."""
    plain = orjson.loads(rendered("json", made))
    schema = card_schema.schema()
    jsonschema.Draft202012Validator.check_schema(schema)

    jsonschema.validate(plain, closed(schema))
    for wrong in (plain | {"format": "touchstone.scorecard/1"}, {k: v for k, v in plain.items() if k != "verdict"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
    jsonschema.validate(plain | {"added_later": 1}, schema)


class Elements(HTMLParser):
    """Every element of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note it."""
        self.text.append(data)


TAGS = {tag for tag, _ in Elements(rendered("html", card()).decode()).found}


def test_the_page_stands_alone() -> None:
    """No script, no link, no address of anything; bars with the rule by which they are drawn; the worst first."""
    html = rendered("html", card()).decode()
    elements = Elements(html)
    words = " ".join(elements.text)

    assert not TAGS & {"script", "link", "img", "iframe", "object", "embed", "form", "a", "base"}
    assert not [one for _, attributes in elements.found for one in attributes if one in {"src", "href", "style"}]
    assert "url(" not in html and "@import" not in html and "http://evil" not in re.sub(r"\[x\]\(http://evil", "", html)
    assert sum(tag == "svg" for tag, _ in elements.found) == 3
    assert sum(tag == "rect" for tag, _ in elements.found) == 3 * 90
    assert "below 0.5% failed" in words and "90 days, UTC, oldest left" in words
    assert "Simulated data: these clouds do not exist." in words
    assert "n 86520, 30 days" in words
    assert "unknown" in Elements(rendered("html", empty()).decode()).text


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.one_of(st.just(HOSTILE), st.text(max_size=60), st.sampled_from(["</style><script>", "--><svg/onload=x>"]))
)
def test_a_name_is_never_more_than_a_name(name: str) -> None:
    """Whatever a provider, a cluster, an incident's scope or a note is called: no element, no line, no direction."""
    made = card()
    hostile = replace(
        made,
        name=name,
        whole=replace(made.whole, name=name),
        clusters=tuple(replace(one, name=name) for one in made.clusters),
        incidents=tuple(replace(one, scope=name, reason=name, rule=name) for one in made.incidents),
        verdict=replace(made.verdict, reasons=(name,), gates=tuple(replace(g, note=name) for g in made.verdict.gates)),
    )
    elements = Elements(rendered("html", hostile).decode())

    assert {tag for tag, _ in elements.found} == TAGS
    assert "".join(letter if letter.isprintable() else " " for letter in name or "acme") in "".join(elements.text)
    assert not {"\u202e", "\u2028", "\x00", "\x1b"} & set("".join(elements.text))


def test_a_bar_is_as_high_as_its_day_is_bad() -> None:
    """Unknown is a stump, never a good day."""
    drawn = page.bars([Day(AT.date()), Day(AT.date(), ok=10), Day(AT.date(), ok=10, failed=5)])

    assert re.findall(r'class="(\w+)" x="(\d+)"', drawn) == [("unknown", "0"), ("good", "6"), ("severe", "12")]
    assert [float(high) for high in re.findall(r' height="([\d.]+)">', drawn)] == [4.48, 17.28, 32.0]
    assert 'aria-label="3 days: 1 good, 1 with failures, 1 with too little data"' in drawn


@CHROMIUM
def test_a_pdf_is_the_same_bytes_again_and_is_dated_at_the_end_of_the_period() -> None:
    """A4; what Chromium writes of the time of printing is replaced."""
    made = card()
    first, second = rendered("pdf", made), rendered("pdf", made)

    assert first == second
    assert first.startswith(b"%PDF-") and first.rstrip().endswith(b"%%EOF")
    assert b"/CreationDate (D:20261124070000" in first
    assert re.search(rb"/MediaBox \[0 0 59[45][.\d]* 84[12]", first)


def test_without_a_chromium_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No traceback: a deliberate error."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExportError, match="apt-get install chromium"):
        printing.printed("<p>", AT)


def test_a_chromium_that_prints_nothing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With its exit code."""
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(ExportError, match=r"printed nothing \(exit code 7\)"):
        printing.printed("<p>", AT)

"""The judge cannot read the truth: not by an import, not in the configuration, not in what it is given to judge."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from schemas.fleet import Place, Target
from simulator.client_span import Answered, span
from simulator.history import Past
from simulator.personality import PERSONALITIES
from simulator.world import MODEL, World

ROOT = Path(__file__).parents[2]
WORDS = {personality.name for personality in PERSONALITIES} | {str(personality.truth) for personality in PERSONALITIES}
TELLING = re.compile("|".join(sorted(WORDS)))


def imported(file: Path) -> set[str]:
    """The top packages that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_nothing_that_measures_judges_or_shows_imports_the_simulator() -> None:
    """The import contract says it too; here it is said of this room by name."""
    rooms = ("probes", "collector", "dashboard", "schemas")
    files = [file for room in rooms for file in (ROOT / room).rglob("*.py")]

    assert len(files) > 20
    assert [str(file) for file in files if "simulator" in imported(file)] == []


def test_no_word_of_a_personality_stands_in_the_configuration() -> None:
    """Names, claims and addresses say nothing of what a provider is like."""
    files = sorted((ROOT / "examples" / "simulated").rglob("*.yaml"))

    assert len(files) == 37
    assert [f"{file.name}: {found[0]}" for file in files if (found := TELLING.search(file.read_text()))] == []


def test_no_word_of_a_personality_stands_in_a_span_of_the_application() -> None:
    """What is told of a request is what every client tells, and the same of everybody."""
    cloud = next(cloud for cloud in World.of().clouds if cloud.personality.probes_treated_better)
    target = Target(model=MODEL, url="http://127.0.0.1:18100/v1", modules=("chat",))
    place = Place(cloud.id, f"{cloud.id}/one", f"{cloud.id}/one/chat", "", target)
    told = span(place, Answered(0.2, "chatcmpl-1", "length", 16, 12, done=True), 77, 1_000, 2_000)

    assert TELLING.search(told.to_json()) is None
    assert "touchstone.target" not in (told.attributes or {})


def test_no_word_of_a_personality_stands_in_the_past() -> None:
    """What is stored is what was measured."""
    end = datetime(2026, 11, 24, tzinfo=UTC)
    past = Past(World.of(), end - timedelta(days=1), end)
    table = past.table(past.parts()[0], past.end)
    texts = [name for name in table.column_names if "dictionary" in str(table[name].type)]
    sources = table["source"].combine_chunks().dictionary.to_pylist()
    words = {word for name in texts for word in table[name].combine_chunks().dictionary.to_pylist()}

    assert "no_capacity" in words
    assert sources == ["active", "passive"]
    assert {word for word in words if TELLING.search(word)} == set()

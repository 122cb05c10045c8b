"""Every bad configuration file gets exactly the message that stands beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from tests.support.processes import touchstone
from touchstone.config_file import load_configuration

BAD = Path(__file__).parent / "bad"


@pytest.mark.parametrize("case", sorted(folder.name for folder in BAD.iterdir()))
def test_a_bad_file_gets_its_exact_message(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every finding is reported at once, with file, line, column, dotted path, what was found and the nearest name."""
    monkeypatch.chdir(BAD / case)

    with pytest.raises(ConfigurationError) as caught:
        load_configuration(Path("touchstone.yaml"), {}, probing=True)

    assert Path("expected.txt").read_text() == f"{caught.value}\n"


@pytest.mark.parametrize("command", ["check-config", "agent"])
def test_a_tokenizer_that_cannot_be_used_is_said_where_it_would_be(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever probes refuses to start; who only judges does not need it."""
    monkeypatch.chdir(BAD / "tokenizers")
    done = touchstone(command)

    assert done.returncode == 2
    assert Path("expected.txt").read_text().splitlines()[0] in done.stdout + done.stderr
    load_configuration(Path("touchstone.yaml"), {})

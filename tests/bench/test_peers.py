"""Peers that cannot be had are absent with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.measure.readers import aiperf, guidellm
from bench.measure.readers.catalog import READERS
from bench.peers import ensure


@pytest.mark.parametrize("requirements", [aiperf.REQUIREMENTS, guidellm.REQUIREMENTS])
def test_every_requirement_of_a_peer_is_pinned(requirements: Path) -> None:
    """To one version."""
    lines = [line for line in requirements.read_text().splitlines() if line and not line.startswith("#")]

    assert lines
    assert all("==" in line for line in lines)


def test_an_installation_that_fails_is_told_and_leaves_no_stamp(tmp_path: Path) -> None:
    """The bench goes on without the peer, and tries again the next time."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("./no-such-folder-here\n")

    assert "nobody could not be installed" in (ensure("nobody", requirements, within=tmp_path) or "")
    assert not (tmp_path / "nobody" / ".installed").exists()


def test_a_peer_that_is_there_is_not_installed_again(tmp_path: Path) -> None:
    """Until its requirements change."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("")

    assert ensure("nothing", requirements, within=tmp_path) is None
    marker = tmp_path / "nothing" / "bin" / "python"
    marker.unlink()
    assert ensure("nothing", requirements, within=tmp_path) is None
    requirements.write_text("./no-such-folder-here\n")
    assert ensure("nothing", requirements, within=tmp_path) is not None


def test_the_catalogue_holds_every_reader_file() -> None:
    """None is forgotten."""
    files = {path.stem for path in Path(aiperf.__file__).parent.glob("*.py")} - {"__init__", "contract", "catalog"}

    assert len(files) == len(READERS)

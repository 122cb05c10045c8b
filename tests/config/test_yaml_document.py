"""Hostile files are refused quickly and clearly."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import ConfigurationError, Finding
from touchstone.config_file import load_configuration
from touchstone.yaml_document import read_document

BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "nested deeper than 64 levels"),
        (BOMB.encode(), "holds more than 500000 values (aliases count each time)"),
        (b"\xff\xfe\x00", "is not UTF-8 text (byte 0)"),
        (b"#" * (33 * 1024 * 1024), "larger than 32 MiB"),
        (b"a: 1\n---\nb: 2\n", "not YAML: but found another document"),
    ],
    ids=["deep", "alias bomb", "binary", "enormous", "two documents"],
)
def test_a_hostile_file_is_one_finding(tmp_path: Path, content: bytes, message: str) -> None:
    """No crash, no endless work: one finding that says what."""
    file = tmp_path / "hostile.yaml"
    file.write_bytes(content)
    findings: list[Finding] = []

    assert read_document(file, findings) is None
    assert [finding.message for finding in findings] == [message]


def test_an_unreadable_file_is_one_finding(tmp_path: Path) -> None:
    """A folder where a file is expected, say."""
    findings: list[Finding] = []

    assert read_document(tmp_path, findings) is None
    assert [finding.message for finding in findings] == ["cannot be read: Is a directory"]


@settings(max_examples=200, deadline=None)
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_give_findings_or_a_document(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Nothing that a file holds raises anything but ConfigurationError."""
    file = tmp_path_factory.mktemp("any") / "touchstone.yaml"
    file.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        load_configuration(file, {})

    assert caught.value.findings

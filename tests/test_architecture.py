"""The house stands as drawn: floors, one clock, one driver, catalogues; and breaking a contract is caught."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("schemas", "probes", "collector", "dashboard", "simulator", "touchstone")
FORBIDDEN_FILE_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}

BREACHES = {
    "a probe that knows the collector": ("probes/breach.py", "import collector.storage\n"),
    "a collector that knows the simulator's truth": ("collector/breach.py", "from simulator.world import World\n"),
    "a schema that does I/O": ("schemas/breach.py", "import sqlite3\n"),
    "judgement that reads the store": ("collector/judgement/breach.py", "import collector.storage.clickhouse\n"),
    "a dashboard with a database driver": ("dashboard/breach.py", "import clickhouse_connect\n"),
    "paging that knows ingest": ("collector/paging/breach.py", "import collector.ingest\n"),
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter over the packages in *folder*, without its cache."""
    program = (
        "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-P", "-c", program, "--no-cache", "--config", "pyproject.toml"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def copy_of_the_house(tmp_path: Path) -> Path:
    """The packages and pyproject.toml, elsewhere."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_import_contracts_hold(copy_of_the_house: Path) -> None:
    """Floors downward only, siblings strangers, judgement pure, one driver room."""
    result = lint_imports(copy_of_the_house)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("breach", sorted(BREACHES))
def test_breaking_an_import_contract_is_caught(breach: str, copy_of_the_house: Path) -> None:
    """One forbidden import, and the linter fails."""
    name, content = BREACHES[breach]
    (copy_of_the_house / name).write_text(content)

    result = lint_imports(copy_of_the_house)

    assert result.returncode != 0
    assert "BROKEN" in result.stdout


def source_files() -> Iterator[Path]:
    """Every Python file of the packages."""
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def test_no_file_is_called_utils() -> None:
    """Files are nouns."""
    assert [str(file) for file in source_files() if file.stem in FORBIDDEN_FILE_NAMES] == []


def test_only_one_file_reads_the_clock() -> None:
    """No noqa lets another one through."""
    offenders = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in source_files()
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if "noqa" in line and "TID251" in line and "random" not in line
    ]

    assert offenders == []


def test_no_command_makes_a_console_that_others_could_steer() -> None:
    """Only a `Terminal` writes out what comes from outside."""
    makers = [
        file.relative_to(ROOT)
        for file in (ROOT / "touchstone").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Console"
    ]

    assert makers == []


def test_every_module_function_and_class_that_is_public_says_what_it_is() -> None:
    """A docstring each; names with a leading underscore are exempt."""
    missing = []
    for file in source_files():
        tree = ast.parse(file.read_text())
        if tree.body and ast.get_docstring(tree) is None:
            missing.append(f"{file.relative_to(ROOT)}: module")
        for node in tree.body:
            named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if named and not node.name.startswith("_") and ast.get_docstring(node) is None:
                missing.append(f"{file.relative_to(ROOT)}:{node.lineno}: {node.name}")

    assert missing == []


def test_every_command_of_the_catalogue_loads_and_every_file_is_in_it() -> None:
    """One file, one catalogue line; a group's subcommands may have files beside it that begin with its name."""
    from click import Command

    from touchstone.cli import COMMANDS, application

    files = {file.stem for file in (ROOT / "touchstone" / "commands").glob("*.py")} - {"__init__"}
    context = application.make_context("touchstone", [], resilient_parsing=True)
    modules = {module for module, _ in COMMANDS.values()}

    assert modules <= files
    assert {file.partition("_")[0] for file in files - modules} <= {"store"}
    assert all(isinstance(application.get_command(context, name), Command) for name in COMMANDS)


def test_nothing_names_a_registry_or_a_path_of_a_machine() -> None:
    """Lock files hold hashes without addresses; nothing points into somebody's home."""
    banned = (
        "py" + "pi.org",
        "python" + "hosted.org",
        "npm" + "js.org",
        "deb." + "debian.org",
        "/work" + "/main",
        "/home" + "/",
    )
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    found = [
        f"{name}: {word}"
        for name in listed
        if (ROOT / name).suffix not in {".png", ".zip"} and (ROOT / name).is_file()
        for word in banned
        if word in (ROOT / name).read_text(errors="replace")
    ]

    assert found == []

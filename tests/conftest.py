"""Fixtures that every test may ask for by name, what runs side by side, and what CI does not accept."""

from __future__ import annotations

import os
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests.support.postgres_server import postgres
from tests.support.stores import SERVER_VARIABLE, store, store_process

__all__ = ["postgres", "store", "store_process"]

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("touchstone", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("touchstone")


class SlowInARow(LoadScopeScheduling):
    """
    For `-n 2 --no-loadscope-reorder`: the files with slow tests one after another in one worker, the others by file.

    What starts whole processes and real engines has a core of its own that way, and a fixture of a file is made once.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "slow" if _is_slow(self.config.rootpath / file) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SlowInARow:
    """How workers share the tests."""
    return SlowInARow(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first, so that no worker begins with them when the other is done."""
    items.sort(key=lambda item: not _is_slow(item.path))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """CI has everything that a test may need, so there a test that is skipped has failed."""
    report = yield
    of_another_store = SERVER_VARIABLE in os.environ and any(map(item.get_closest_marker, ("embedded_only", "gap")))
    if report.skipped and _in_ci() and not of_another_store:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} is skipped, and CI accepts no skip: {report.longrepr[-1]}"
    return report


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


@cache
def _is_slow(file: Path) -> bool:
    return "pytest.mark.slow" in file.read_text()

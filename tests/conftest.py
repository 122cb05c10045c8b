"""Fixtures that every test may ask for by name, what runs side by side, and how long a generated example may take."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.support.stores import store, store_process

__all__ = ["store", "store_process"]

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("touchstone", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("touchstone")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    For `-n 2 --dist loadgroup`: the files with slow tests go first, one after another; the others go file by file.

    What starts whole processes and real engines has a core of its own that way, and a fixture of a file is made once.
    """
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow_files)
    for item in items:
        item.add_marker(pytest.mark.xdist_group("slow" if item.path in slow_files else item.path.as_posix()))

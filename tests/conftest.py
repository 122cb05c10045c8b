"""Fixtures that every test may ask for by name, and how long a generated example may take."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.support.stores import store, store_process

__all__ = ["store", "store_process"]

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("touchstone", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("touchstone")

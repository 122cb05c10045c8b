"""Fixtures that every test may ask for by name."""

from __future__ import annotations

from tests.support.stores import store, store_process

__all__ = ["store", "store_process"]

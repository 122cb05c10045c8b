"""What can go wrong with an engine under test."""

from __future__ import annotations


class EngineError(Exception):
    """An engine could not be had."""


class EngineMissing(EngineError):
    """It is not installed here."""


class EngineFailed(EngineError):
    """It ended, or did not answer in time; the message ends with the tail of its log."""

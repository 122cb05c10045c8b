"""A cell of a CSV file, which a spreadsheet must show and never run."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> object:
    """*value* as a cell; text that a spreadsheet would run as a formula begins with an apostrophe."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.9g}"
        case str() if value.startswith(_FORMULA) and len(value) > 1:
            return f"'{value}"
        case _:
            return value

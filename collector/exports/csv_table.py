"""CSV that a spreadsheet must show and never run: a cell, and a table of plain rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

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


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """*rows* of the same keys with a heading, a list as its words; '' of none."""
    if not rows:
        return ""
    written = io.StringIO()
    lines = csv.DictWriter(written, rows[0].keys(), lineterminator="\r\n")
    lines.writeheader()
    for row in rows:
        lines.writerow({key: cell(" ".join(one) if isinstance(one, list) else one) for key, one in row.items()})
    return written.getvalue()

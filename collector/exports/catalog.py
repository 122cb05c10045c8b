"""The formats a scorecard can be had in: one file and one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType

from collector.exports.scorecard import Scorecard

# name on the command line -> module in collector.exports that has `render(card)`, text or (pdf) bytes
FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "json": "scorecard_json",
        "csv": "scorecard_csv",
        "md": "scorecard_md",
        "html": "scorecard_html",
        "pdf": "scorecard_pdf",
    }
)
MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "json": "application/json",
        "csv": "text/csv",
        "md": "text/markdown",
        "html": "text/html",
        "pdf": "application/pdf",
    }
)


def renderer(name: str) -> Callable[[Scorecard], str | bytes]:
    """The `render` of the format *name*; raises KeyError for one that is not in the catalogue."""
    render: Callable[[Scorecard], str | bytes] = import_module(f"collector.exports.{FORMATS[name]}").render
    return render


def rendered(name: str, card: Scorecard) -> bytes:
    """*card* as a file of the format *name*, text in UTF-8; raises ExportError when this machine cannot make one."""
    made = renderer(name)(card)
    return made.encode() if isinstance(made, str) else made

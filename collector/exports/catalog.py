"""The formats a scorecard can be had in: one file and one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType

from collector.exports.scorecard import Scorecard

# name on the command line -> module in collector.exports that has `render(card) -> str`
FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "json": "scorecard_json",
        "csv": "scorecard_csv",
        "md": "scorecard_md",
    }
)


def renderer(name: str) -> Callable[[Scorecard], str]:
    """The `render` of the format *name*; raises KeyError for one that is not in the catalogue."""
    render: Callable[[Scorecard], str] = import_module(f"collector.exports.{FORMATS[name]}").render
    return render

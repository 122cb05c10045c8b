"""Text that came from outside, made fit for a receiver: no control characters, cut, escaped for its format; pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

ELLIPSIS = "…"
_LEFT_OUT = {"Cf"}  # what turns the reading direction, or joins what stands beside it
_BLANK = {"Cc", "Cs", "Zl", "Zp"}  # control characters, halves of a pair, ends of lines
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#~|])")


def clean(text: str) -> str:
    """*text* on one line of printable characters, one blank between words."""
    kinds = ((character, unicodedata.category(character)) for character in text)
    return " ".join("".join(" " if kind in _BLANK else one for one, kind in kinds if kind not in _LEFT_OUT).split())


def size(text: str) -> int:
    """Characters as the strictest receiver counts them: UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def cut(text: str, size_max: int) -> str:
    """*text*, or its beginning with an ellipsis, at most *size_max* characters however they are counted."""
    if size(text) <= size_max:
        return text
    kept = text.encode("utf-16-le")[: 2 * (size_max - 1)].decode("utf-16-le", errors="ignore")
    return kept + ELLIPSIS


def fitted(text: str, size_max: int, escape: Callable[[str], str]) -> str:
    """*text* escaped, its beginning only where all of it would be longer than *size_max* characters."""
    said, kept = escape(text), size(text)
    while size(said) > size_max:
        kept = max(kept * size_max // size(said) - 1, 1)
        said = escape(cut(text, kept))
    return said


def markdown(text: str) -> str:
    """*text* as Markdown shows it literally."""
    return _MARKDOWN.sub(r"\\\1", text)


def slack(text: str) -> str:
    """*text* as Slack shows it: no mention, no link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

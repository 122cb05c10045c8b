"""
The form of an answer: how it is written down, which says nothing about who wrote it.

A provider that adds one space before every answer is not another model, yet an unnormalised comparison of texts finds
it with power 1. So every comparison of texts starts with `normalised`.
"""

from __future__ import annotations

import unicodedata

_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u2060"))  # byte order mark, zero width space, word joiner


def normalised(text: str) -> str:
    """
    *text* in Unicode's NFC, without invisible marks, each run of white space as one space, none at either end.

    Total: any string gives a string, also one with lone surrogates; normalising twice changes nothing.
    """
    return " ".join(unicodedata.normalize("NFC", text.translate(_INVISIBLE)).split())

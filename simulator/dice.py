"""Chance from a seed: the same seed and words give the same throw, on every machine and in any order."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def throw(seed: int, *words: object, size: int = 8) -> bytes:
    """*size* (1..64) bytes that look random."""
    text = "|".join((str(seed), *(str(word) for word in words)))
    return blake2b(text.encode(), digest_size=size).digest()


def number(seed: int, *words: object) -> int:
    """A whole number in [0, 2^63)."""
    return int.from_bytes(throw(seed, *words), "big") >> 1


def fraction(seed: int, *words: object) -> float:
    """A number in [0, 1), evenly spread."""
    return (int.from_bytes(throw(seed, *words), "big") >> 11) / (1 << 53)


def shuffled(items: Iterable[T], seed: int, *words: object) -> list[T]:
    """*items* in an order that only the seed knows."""
    return [item for _, item in sorted(enumerate(items), key=lambda pair: throw(seed, *words, pair[0]))]

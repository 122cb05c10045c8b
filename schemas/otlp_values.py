"""OTLP attributes as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from struct import Struct
from typing import Any

DOUBLE_ELEMENT = b"\x0a\x09\x21"  # what stands before each element that is a double
ELEMENT_BYTES = len(DOUBLE_ELEMENT) + 8


def attributes_of(pairs: Iterable[Any]) -> dict[str, object]:
    """Attribute names to plain values, of OTLP KeyValue messages; of a name given twice the last counts."""
    found: dict[str, object] = {}
    for pair in pairs:
        found[pair.key] = plain(pair.value)
    return found


SCALARS = frozenset({"string_value", "int_value", "double_value", "bool_value", "bytes_value"})


def _composed(value: Any, kind: str | None) -> object:
    if kind == "array_value":
        return _array(value.array_value)
    if kind == "kvlist_value":
        return attributes_of(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)


def _array(array: Any) -> list[Any]:
    """The elements; an array of doubles, as arrivals are, is read at once from its bytes: 11 each, 8 of the value."""
    doubles = doubles_in(array.SerializeToString())
    return [plain(one) for one in array.values] if doubles is None else list(doubles)


def doubles_in(raw: bytes) -> tuple[float, ...] | None:
    """The elements of an array's bytes when all of them are doubles; None when they are not."""
    n, rest = divmod(len(raw), ELEMENT_BYTES)
    if rest or (raw[::ELEMENT_BYTES], raw[1::ELEMENT_BYTES], raw[2::ELEMENT_BYTES]) != _heads(n):
        return None
    return _unpacker(n)(raw)


@lru_cache(1024)
def _heads(n: int) -> tuple[bytes, ...]:
    """The first bytes of *n* elements, the second ones, the third ones."""
    return tuple(bytes((byte,)) * n for byte in DOUBLE_ELEMENT)


@lru_cache(1024)
def _unpacker(n: int) -> Callable[[bytes], tuple[float, ...]]:
    return Struct("<" + "3xd" * n).unpack


def plain(value: Any) -> object:
    """An OTLP AnyValue as a plain value; None for an empty one."""
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind in SCALARS else _composed(value, kind)

"""OTLP attributes as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from struct import unpack
from typing import Any

_DOUBLE = b"\x0a\x09\x21"  # what stands before each element that is a double


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
    raw: bytes = array.SerializeToString()
    n, rest = divmod(len(raw), len(_DOUBLE) + 8)
    if not rest and all(raw[at :: len(_DOUBLE) + 8] == _DOUBLE[at : at + 1] * n for at in range(len(_DOUBLE))):
        return list(unpack(f"<{'3xd' * n}", raw))
    return [plain(one) for one in array.values]


def plain(value: Any) -> object:
    """An OTLP AnyValue as a plain value; None for an empty one."""
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind in SCALARS else _composed(value, kind)

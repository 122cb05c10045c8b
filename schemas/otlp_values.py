"""OTLP attributes as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def attributes_of(pairs: Iterable[Any]) -> dict[str, object]:
    """Attribute names to plain values, of OTLP KeyValue messages; of a name given twice the last counts."""
    found: dict[str, object] = {}
    for pair in pairs:
        value = pair.value
        kind = value.WhichOneof("value")
        if kind in _SCALARS:
            found[pair.key] = getattr(value, kind)
        else:
            found[pair.key] = _composed(value, kind)
    return found


_SCALARS = frozenset({"string_value", "int_value", "double_value", "bool_value", "bytes_value"})


def _composed(value: Any, kind: str | None) -> object:
    if kind == "array_value":
        return [_plain(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return attributes_of(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)


def _plain(value: Any) -> object:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind in _SCALARS else _composed(value, kind)

"""
A block of rows in ClickHouse's Native format, of the types that `observations` has.

The driver writes any type of any version, value by value. Here a column that is all the same, or has no NULL, is
written at once, and arrays of doubles come as their bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, chain
from types import MappingProxyType
from typing import Any

import numpy as np

from schemas.flat_observation import DOUBLE_BYTES
from schemas.varint import varint

_LOW_CARDINALITY_VERSION = (1).to_bytes(8, "little")
_OWN_DICTIONARY = 1 << 9 | 1 << 10  # new, and its keys follow
_INDEX_TYPES = ((0, np.uint8), (1, np.uint16), (2, np.uint32))


def native_block(names: Sequence[str], types: Sequence[str], columns: Sequence[Sequence[Any]]) -> bytes:
    """The rows whose *columns* are of these *names* and *types*; at least one row."""
    parts = [varint(len(columns)), varint(len(columns[0]))]
    for name, kind, column in zip(names, types, columns, strict=True):
        parts += _text(name), _text(kind), _WRITERS[kind](column)
    return b"".join(parts)


def _text(text: str) -> bytes:
    raw = text.encode()
    return varint(len(raw)) + raw


def _texts(column: Sequence[str]) -> bytes:
    return b"".join(map(_text, column)) if any(column) else bytes(len(column))


def _numbers(kind: str) -> Callable[[Sequence[Any]], bytes]:
    return lambda column: np.array(column, kind).tobytes()


def _nullable(kind: str) -> Callable[[Sequence[Any]], bytes]:
    """First which are NULL, then all, those as zeros."""

    def write(column: Sequence[Any]) -> bytes:
        if None not in column:
            return bytes(len(column)) + np.array(column, kind).tobytes()
        nulls = bytes([one is None for one in column])
        return nulls + np.array([0 if one is None else one for one in column], kind).tobytes()

    return write


def _arrays(column: Sequence[bytes]) -> bytes:
    """Where each row's end, then all of them, as Float32."""
    ends = np.array([*accumulate(map(len, column))], "<u8") // DOUBLE_BYTES
    return ends.tobytes() + np.frombuffer(b"".join(column), "<f8").astype("<f4").tobytes()


def _low_cardinality(column: Sequence[str]) -> bytes:
    return _LOW_CARDINALITY_VERSION + _dictionary(column)


def _dictionary(column: Sequence[str]) -> bytes:
    """The words that there are, then which of them each row has; nothing of no rows."""
    if not column:
        return b""
    words = {word: at for at, word in enumerate(dict.fromkeys(column))}
    code, kind = next((code, kind) for code, kind in _INDEX_TYPES if len(words) - 1 <= np.iinfo(kind).max)
    keys = np.zeros(len(column), kind) if len(words) == 1 else np.array([words[word] for word in column], kind)
    sizes = (np.array([one], "<u8").tobytes() for one in (_OWN_DICTIONARY | code, len(words), len(column)))
    flags, words_n, rows_n = sizes
    return b"".join((flags, words_n, _texts([*words]), rows_n, keys.tobytes()))


def _figures(column: Sequence[Mapping[str, float]]) -> bytes:
    """Names to doubles: where each row's end, then all names, then all values."""
    ends = np.array([*accumulate(map(len, column))], "<u8").tobytes()
    names = _dictionary([*chain.from_iterable(column)])
    return b"".join(
        (
            _LOW_CARDINALITY_VERSION,
            ends,
            names,
            np.array([*chain.from_iterable(one.values() for one in column)], "<f8").tobytes(),
        )
    )


_WRITERS: Mapping[str, Callable[[Sequence[Any]], bytes]] = MappingProxyType(
    {
        "Array(Float32)": _arrays,
        "Bool": bytes,
        "DateTime64(3, 'UTC')": _numbers("<i8"),
        "Float32": _numbers("<f4"),
        "LowCardinality(String)": _low_cardinality,
        "Map(LowCardinality(String), Float64)": _figures,
        "Nullable(Float32)": _nullable("<f4"),
        "Nullable(UInt32)": _nullable("<u4"),
        "String": _texts,
        "UInt16": _numbers("<u2"),
        "UInt32": _numbers("<u4"),
        "UInt64": _numbers("<u8"),
        "UInt8": _numbers("<u1"),
    }
)

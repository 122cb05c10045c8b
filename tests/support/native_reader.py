"""
Native blocks as clickhouse-go reads them, by the revision it believes in; columns of fixed width and text only.

Written from that driver's behaviour: its first answer is read in the revision it announces, later ones in the revision
that the first one names.
"""

from __future__ import annotations

import struct
from typing import Any

CLIENT_REVISION = 54460
HELLO = "SELECT displayName(), version(), revision(), timezone()"
_WIDTHS = {"UInt8": "B", "UInt32": "I", "UInt64": "Q", "Int64": "q", "Float64": "d", "DateTime": "I"}


class NativeReader:
    """A cursor over the bytes of an answer."""

    def __init__(self, raw: bytes, revision: int) -> None:
        self._raw, self._at, self._revision = raw, 0, revision

    def rows(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Names of the columns, and every row of every block."""
        names: list[str] = []
        rows: list[tuple[Any, ...]] = []
        while self._at < len(self._raw):
            if self._revision > 0:
                assert self._take(8) == b"\x01\x00\x02\xff\xff\xff\xff\x00", "not a block's info"
            n_columns, n_rows = self._number(), self._number()
            columns = [self._column(n_rows) for _ in range(n_columns)]
            names = [name for name, _ in columns]
            rows += zip(*(values for _, values in columns), strict=True)
        return names, rows

    def _column(self, n_rows: int) -> tuple[str, list[Any]]:
        name, kind = self._text(), self._text()
        if self._revision >= 54454:
            assert self._take(1) == b"\x00", "a serialization of its own"
        return name, self._values(kind, n_rows)

    def _values(self, kind: str, n_rows: int) -> list[Any]:
        if kind.startswith("Nullable("):
            nulls = self._take(n_rows)
            values = self._values(kind[9:-1], n_rows)
            return [None if null else value for null, value in zip(nulls, values, strict=True)]
        if kind == "String":
            return [self._text() for _ in range(n_rows)]
        code = _WIDTHS[kind.partition("(")[0]]
        return list(struct.unpack(f"<{n_rows}{code}", self._take(n_rows * struct.calcsize(f"<{code}"))))

    def _text(self) -> str:
        return self._take(self._number()).decode()

    def _number(self) -> int:
        value = shift = 0
        while True:
            byte = self._take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def _take(self, n: int) -> bytes:
        taken = self._raw[self._at : self._at + n]
        assert len(taken) == n, "cut off"
        self._at += n
        return taken

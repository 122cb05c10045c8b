"""Whole numbers as bytes of seven bits each, as in Protocol Buffers and in ClickHouse's Native format."""

from __future__ import annotations


def varint(number: int) -> bytes:
    """*number*, not negative, the lowest bits first; every byte but the last has its highest bit set."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)

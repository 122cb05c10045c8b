"""
The question with which clickhouse-go opens (and with it Grafana), answered in its own revision of Native.

clickhouse-go reads its first answer in the revision that it announces, and every other in the revision that this
answer names. The engine in this process writes Native only as revision 0, so that is what the answer names.
"""

from __future__ import annotations

from struct import pack

QUESTION = "SELECT displayName(), version(), revision(), timezone()"
_WITH_BLOCK_INFO, _WITH_SERIALIZATION = 1, 54454
_BLOCK_INFO = b"\x01\x00\x02" + pack("<i", -1) + b"\x00"


def is_hello(query: str, form: str, protocol_version: int) -> bool:
    """Whether this is that question, of a client that would misread a plain answer."""
    return protocol_version >= _WITH_BLOCK_INFO and form == "Native" and query.strip().rstrip(";") == QUESTION


def hello(protocol_version: int, *, display_name: str, version: str, timezone: str) -> bytes:
    """The answer, as a block of revision *protocol_version*."""
    columns = (
        ("displayName()", "String", _text(display_name)),
        ("version()", "String", _text(version)),
        ("revision()", "UInt32", pack("<I", 0)),
        ("timezone()", "String", _text(timezone)),
    )
    own_serialization = b"\x00" if protocol_version >= _WITH_SERIALIZATION else b""
    written = [_text(name) + _text(kind) + own_serialization + value for name, kind, value in columns]
    return _BLOCK_INFO + bytes([len(columns), 1]) + b"".join(written)


def _text(text: str) -> bytes:
    raw = text.encode()
    assert len(raw) < 128
    return bytes([len(raw)]) + raw

"""
The expiry and the public key in a certificate's DER.

The standard library tells the first only of a certificate that it has verified, and the second not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

_VERSION = 0xA0  # the only field before the serial number, and optional
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_FORMATS = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}
_CENTURY_TURNS_AT = 2050  # RFC 5280: a UTCTime of 50 to 99 is of the last century

Element = tuple[int, int, int]  # tag, start and end of the content


def expiry_of(der: bytes) -> datetime | None:
    """The instant after which the certificate *der* is not valid; None when it cannot be read."""
    try:
        validity = _fields(der, 4)[3]  # after serial, algorithm, issuer
        _, (tag, start, end) = islice(_elements(der, *validity[1:]), 2)
        found = datetime.strptime(der[start:end].decode("ascii"), _FORMATS[tag]).replace(tzinfo=UTC)
        return found.replace(year=found.year - 100) if tag == _UTC_TIME and found.year >= _CENTURY_TURNS_AT else found
    except (ValueError, IndexError, KeyError):
        return None


def public_key_of(der: bytes) -> bytes | None:
    """The SubjectPublicKeyInfo of the certificate *der*, in DER; None when it cannot be read."""
    try:
        subject, key = _fields(der, 6)[4:]
    except (ValueError, IndexError):
        return None
    return der[subject[2] : key[2]]


def _fields(der: bytes, n: int) -> list[Element]:
    """The first *n* fields of what is signed, from the serial number on; raises ValueError or IndexError."""
    (whole,) = islice(_elements(der, 0, len(der)), 1)
    (to_be_signed,) = islice(_elements(der, *whole[1:]), 1)
    fields = list(islice(_elements(der, *to_be_signed[1:]), n + 1))
    found = fields[1:] if fields[0][0] == _VERSION else fields[:n]
    if len(found) < n:
        raise ValueError("a certificate that ends too soon")
    return found


def _elements(der: bytes, at: int, end: int) -> Iterator[Element]:
    """The elements side by side in der[at:end]; raises ValueError or IndexError for what is no DER."""
    while at < end:
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:  # that many bytes hold the length
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size], "big"), at + size
        if at + length > end:
            raise ValueError("an element that is longer than what holds it")
        yield tag, at, at + length
        at += length

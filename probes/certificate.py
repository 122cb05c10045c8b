"""The expiry in a certificate's DER, which the standard library tells only of a certificate that it has verified."""

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
        (whole,) = islice(_elements(der, 0, len(der)), 1)
        (to_be_signed,) = islice(_elements(der, *whole[1:]), 1)
        fields = list(islice(_elements(der, *to_be_signed[1:]), 5))
        validity = fields[4] if fields[0][0] == _VERSION else fields[3]  # after serial, algorithm, issuer
        _, (tag, start, end) = islice(_elements(der, *validity[1:]), 2)
        found = datetime.strptime(der[start:end].decode("ascii"), _FORMATS[tag]).replace(tzinfo=UTC)
        return found.replace(year=found.year - 100) if tag == _UTC_TIME and found.year >= _CENTURY_TURNS_AT else found
    except (ValueError, IndexError, KeyError):
        return None


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

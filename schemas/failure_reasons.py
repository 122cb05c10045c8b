"""What an HTTP status means in the closed vocabulary; the same for our own probes and for real traffic."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from schemas.observation import Reason

_STATUS_REASONS: Mapping[int, Reason] = MappingProxyType(
    {
        401: Reason.AUTH_FAILED,
        402: Reason.PAYMENT_REQUIRED,
        403: Reason.AUTH_FAILED,
        404: Reason.MODEL_NOT_FOUND,
        408: Reason.HTTP_UNEXPECTED,
        429: Reason.RATE_LIMITED,
        503: Reason.NO_CAPACITY,
        529: Reason.NO_CAPACITY,
    }
)


def reason_of_status(status: int) -> Reason:
    """The reason of an HTTP status that is not a success."""
    if status in _STATUS_REASONS:
        return _STATUS_REASONS[status]
    if 400 <= status < 500:
        return Reason.BAD_REQUEST
    return Reason.HTTP_5XX if 500 <= status < 600 else Reason.HTTP_UNEXPECTED

"""What a request says of its batch's place is read as it was said, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.batch_order import AFTER_HEADER, BATCH_HEADER, BatchOrder
from schemas.errors import WireError

BATCHES = st.none() | st.integers(0, 2**64 - 1)


@given(batch=BATCHES, after=BATCHES)
def test_what_is_said_is_what_is_read(batch: int | None, after: int | None) -> None:
    """And what is not said has no header."""
    order = BatchOrder(batch, after)

    assert BatchOrder.of(order.headers()) == order
    assert len(order.headers()) == (batch is not None) + (after is not None)


@pytest.mark.parametrize("name", [BATCH_HEADER, AFTER_HEADER])
@pytest.mark.parametrize("said", ["", "-1", "1.5", "one", "٣", "9" * 21, " 1", "x" * 10_000])
def test_what_is_no_batch_is_refused_by_the_headers_name(name: str, said: str) -> None:
    """In few words, however many were sent."""
    with pytest.raises(WireError, match=f"^{name}: ") as caught:
        BatchOrder.of({name: said})
    assert len(str(caught.value)) < 100

"""A client's figures against the server's truth."""

from __future__ import annotations

import pytest

from bench.measure.stamps import Errors, Reading, Truth, errors_of

MS = 1_000_000
TRUTH = Truth(
    stream="7", path="/v1", nonce="abc", received_ns=1000 * MS, sent_ns=(1200 * MS, 1220 * MS, 1245 * MS)
)  # gaps of 20 and 25 ms


def compared(**said: object) -> Errors:
    """One reading of TRUTH, by its number unless said otherwise."""
    return errors_of([Reading(**{"key": "7", "ttft_ms": 200.0} | said)], [TRUTH])  # type: ignore[arg-type]


def test_ttft_counts_from_the_request_received_to_the_first_token_sent() -> None:
    """Said 201.5 for a true 200: off by 1.5, and so is 198.5, in the other direction."""
    assert compared(ttft_ms=201.5).ttft_error_ms == [1.5]
    assert compared(ttft_ms=198.5).ttft_error_ms == [1.5]


def test_each_gap_is_compared_with_the_servers_gap_not_with_the_schedule() -> None:
    """A token that the server sent late is not the client's error."""
    assert pytest.approx(compared(gaps_ms=(20.0, 24.0)).itl_error_ms) == [0.0, 1.0]


def test_each_stamp_is_compared_with_its_send_time() -> None:
    """The first one is kept apart."""
    errors = compared(arrivals_ns=(1200 * MS + 5000, 1221 * MS, 1245 * MS))

    assert errors.stamp_error_ms == [0.005, 1.0, 0.0]
    assert errors.first_stamp_error_ms == [0.005]


def test_a_client_that_stamps_only_the_first_token_is_not_compared_on_the_others() -> None:
    """guidellm, for one."""
    errors = compared(arrivals_ns=(1203 * MS,))

    assert (errors.stamp_error_ms, errors.first_stamp_error_ms) == ([], [3.0])


def test_a_stream_is_found_by_its_nonce_too() -> None:
    """Ours keeps no answer, but knows what it asked."""
    assert compared(key="abc").compared == 1


@pytest.mark.parametrize("said", [{"key": "8"}, {"key": ""}, {"gaps_ms": (45.0,)}])
def test_a_reading_of_another_stream_or_of_other_tokens_is_counted_and_not_compared(said: dict[str, object]) -> None:
    """A tool that merged two tokens would else be compared gap by wrong gap."""
    errors = compared(**said)

    assert (errors.compared, errors.incomplete, errors.ttft_error_ms) == (0, 1, [])


def test_which_clock_stamped_is_counted() -> None:
    """So that a fallback to the user's clock is seen."""
    assert compared(stamp="kernel").stamps == {"kernel": 1}

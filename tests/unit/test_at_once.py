"""Several questions at the same time: answers in order, and the first failure is everybody's."""

from __future__ import annotations

from threading import Barrier

import pytest

from collector.storage.at_once import at_once
from schemas.errors import StoreRejected

WAIT_S = 10.0


def test_answers_come_in_the_order_of_the_questions_which_all_run_at_once() -> None:
    """Each waits until all have begun."""
    begun = Barrier(3, timeout=WAIT_S)

    def ask(answer: str) -> str:
        begun.wait()
        return answer

    assert at_once(lambda: ask("a"), lambda: ask("b"), lambda: ask("c")) == ("a", "b", "c")


def test_what_fails_is_raised_when_all_that_run_have_ended() -> None:
    """Nobody is left asking."""
    begun, ended = Barrier(2, timeout=WAIT_S), []

    def fails() -> str:
        begun.wait()
        raise StoreRejected("gone")

    def answers() -> str:
        begun.wait()
        ended.append("b")
        return "b"

    with pytest.raises(StoreRejected, match="gone"):
        at_once(fails, answers)
    assert ended == ["b"]

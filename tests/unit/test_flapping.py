"""Up and down too often is one page, then quiet, then one word about how it stands."""

from __future__ import annotations

from schemas.incident import Change
from tests.support.judge import FAILED, OK, Judge


def story(judge: Judge, until_s: int, down_s: int, up_s: int, *, start_s: int = 0, step_s: int = 5) -> None:
    """*down_s* down, *up_s* up, again and again, a tick every *step_s*."""
    for second in range(start_s, until_s, step_s):
        judge.tick(second, FAILED if (second - start_s) % (down_s + up_s) < down_s else OK, "bolt")


def test_ten_seconds_down_ten_seconds_up_for_five_minutes_is_two_pages() -> None:
    """One that it is down, one that it is over: when it has been calm for five minutes."""
    judge = Judge()
    story(judge, 300, 10, 10)
    assert [page.change for page in judge.pages] == [Change.OPENED]
    story(judge, 1000, 0, 10, start_s=300)

    assert [page.change for page in judge.pages] == [Change.OPENED, Change.RESOLVED]
    last_change = judge.newest().flips[-2]
    assert 300 <= (judge.pages[-1].at - last_change).total_seconds() <= 310


def test_slow_flapping_is_said_until_it_is_known_to_be_flapping() -> None:
    """A minute down, a minute up: one outage and the next are told, then it is flapping, then one word at the end."""
    judge = Judge()
    story(judge, 900, 60, 60)
    pages = [page.change for page in judge.pages]
    assert pages == [Change.OPENED, Change.RESOLVED, Change.REOPENED]
    assert Change.FLAPPING in [change for _, change in judge.changes]
    story(judge, 2000, 0, 10, start_s=900)

    assert [page.change for page in judge.pages] == [*pages, Change.RESOLVED]


def test_what_stays_down_after_flapping_is_said_again() -> None:
    """Leaving the flapping state announces how it stands."""
    judge = Judge()
    story(judge, 300, 10, 10)
    story(judge, 1000, 700, 0, start_s=300)

    assert [page.change for page in judge.pages] == [Change.OPENED, Change.STABLE]
    assert judge.pages[-1].summary.startswith("P0 provider bolt is stable: open")

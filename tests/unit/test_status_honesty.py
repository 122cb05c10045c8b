"""Status pages beside what we saw: posted, never posted, not yet, not read; how late and how short."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from collector.exports import honesty as exports
from collector.judgement.honesty import words
from collector.judgement.honesty.account import Answer, Answered, Honesty, honesty
from collector.judgement.honesty.posts import Ours, Post
from dashboard import honesty_markup

BEGINS = datetime(2026, 10, 1, tzinfo=UTC)
AT = BEGINS + timedelta(days=30)
FAILED = BEGINS + timedelta(days=3)
OURS = Ours("inc-1", "acme/east", "connect_refused", FAILED, FAILED + timedelta(hours=2))
READS = tuple(BEGINS + timedelta(hours=hour) for hour in range(0, 720, 2))


def minutes(number: float) -> timedelta:
    """A span."""
    return timedelta(minutes=number)


def post(after: float, ended: float | None, *, said: str = "major: errors", id: str = "p1", read: float = 0) -> Post:
    """Posted so many minutes after our first evidence; read at once unless said otherwise."""
    return Post(
        id, said, FAILED + minutes(after), None if ended is None else FAILED + minutes(ended),
        FAILED + minutes(max(after, read)),
    )  # fmt: skip


def account(*posts: Post, ours: Ours = OURS, reads: tuple[datetime, ...] = READS, at: datetime = AT) -> Honesty:
    """The account of one outage of ours, two hours long."""
    return honesty("acme", BEGINS, at, (ours,), sorted(posts, key=lambda one: one.created_at), reads)


def only(*posts: Post, **others: object) -> Answered:
    """What was answered to that outage."""
    (found,) = account(*posts, **others).answers  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("posts", "answer", "lag_min", "stated_min", "understated_min"),
    [
        ((post(12, 60),), Answer.POSTED, 12, 48, 72),
        ((post(12, 140),), Answer.POSTED, 12, 128, None),
        ((post(-30, 60),), Answer.POSTED, -30, 90, 30),
        ((post(12, None),), Answer.POSTED, 12, None, None),
        ((post(5, 30), post(40, 118, id="p2")), Answer.POSTED, 5, 113, 7),
        ((post(5, 30), post(40, None, id="p2")), Answer.POSTED, 5, None, None),
        ((post(120 + 239, 400),), Answer.POSTED, 359, 41, 79),
        ((post(120 + 241, 400),), Answer.NEVER, None, None, None),
        ((post(-500, -61),), Answer.NEVER, None, None, None),
        ((post(-500, -59),), Answer.POSTED, -500, 441, None),
        ((), Answer.NEVER, None, None, None),
    ],
    ids=[
        "late and short", "late and long enough", "before us", "goes on", "two posts", "two, one goes on",
        "after the end", "too late", "long before", "that had just ended", "nothing",
    ],
)  # fmt: skip
def test_what_was_posted_about_an_outage(
    posts: tuple[Post, ...],
    answer: Answer,
    lag_min: float | None,
    stated_min: float | None,
    understated_min: float | None,
) -> None:
    """Whether, how long after our first evidence, how long by them, and by how much shorter."""
    found = only(*posts)

    assert found.answer is answer
    assert found.lag == (None if lag_min is None else minutes(lag_min))
    assert found.stated == (None if stated_min is None else minutes(stated_min))
    assert found.understated == (None if understated_min is None else minutes(understated_min))


@pytest.mark.parametrize(
    ("reads", "answer"),
    [
        ((), Answer.UNREAD),
        (READS[:10], Answer.UNREAD),
        (tuple(one for one in READS if not FAILED < one < FAILED + timedelta(hours=13)), Answer.UNREAD),
        (tuple(one for one in READS if not FAILED < one < FAILED + timedelta(hours=11)), Answer.NEVER),
        (tuple(one for one in READS if one < FAILED + timedelta(hours=3)), Answer.UNREAD),
    ],
    ids=["never read", "not then", "a gap of 14 hours", "a gap of 12 hours", "not after"],
)
def test_nothing_is_claimed_where_the_page_was_not_observed(reads: tuple[datetime, ...], answer: Answer) -> None:
    """A post stays readable for a day, so readings twelve hours apart miss none."""
    assert only(reads=reads).answer is answer
    assert only(post(5, 30), reads=reads).answer is Answer.POSTED


def test_there_is_time_to_post_while_it_lasts_and_four_hours_after() -> None:
    """Not yet is not never."""
    going_on = Ours("inc-1", "acme", "connect_refused", FAILED, None)
    soon = FAILED + timedelta(hours=5)

    assert only(ours=going_on).answer is Answer.PENDING
    assert only(at=soon).answer is Answer.PENDING
    assert only(post(1, None), ours=going_on).ours_for is None


def test_a_post_that_was_not_there_when_it_says_it_was_made_is_told_apart() -> None:
    """Read at 2 h without it, first read with it at 4 h, dated at 1 h; not when it was dated after the reading."""
    assert only(post(60, 70, read=240)).backdated
    assert not only(post(130, 200, read=240)).backdated
    assert not only(post(60, 70, read=240), reads=()).backdated


def test_posts_about_nothing_that_we_saw_are_listed_without_planned_work() -> None:
    """One far from our outage, one that announces maintenance, one of before the window."""
    stray, planned = post(6000, 6100, id="s"), post(7000, 7100, id="m", said="maintenance: disks")
    found = account(stray, planned, post(-30_000, -29_000, id="old"))

    assert [one.id for one in found.unseen] == ["s"]


def test_the_figures_are_medians_with_their_n() -> None:
    """Of three outages two were posted."""
    ours = [Ours(f"inc-{n}", "acme", "http_5xx", FAILED + timedelta(days=n), FAILED + timedelta(days=n, hours=1))
            for n in range(3)]  # fmt: skip
    posts = [post(1440 * n + late, 1440 * n + 30 + late, id=f"p{n}") for n, late in ((0, 10), (2, 20))]
    found = honesty("acme", BEGINS, AT, ours, posts, READS)

    assert (found.lag, len(found.lags)) == (minutes(15), 2)
    assert found.stated_share == 0.5
    assert words.summary(found) == (
        "2 of 3 outages that we saw were posted (n 3; not yet: 0, not observed: 0)",
        "median first post 15 m after our first evidence (n 2)",
        "posts say 50 % of the duration that we saw, in the median; shorter by 5 m or more in 2 (n 2)",
        "0 posts about nothing that we saw",
        "page read 360 times",
    )
    assert json.loads(json.dumps(exports.plain(found)))["median_lag_s"] == 900


def test_the_section_of_a_page_escapes_what_is_posted_and_says_what_is_missing() -> None:
    """A name with markup and control characters; a page that nobody read; nothing at all."""
    said = honesty_markup.section(account(post(5, 30, said="major: <script>\x1b[2J")))
    unread = honesty_markup.section(account(reads=()))
    calm = honesty_markup.section(honesty("acme", BEGINS, AT, (), (), READS))

    assert "&lt;script&gt; [2J" in said and "<script>" not in said and "✓ posted 5 m after" in said
    assert "was not observed in this window" in unread and "<table>" not in unread
    assert "No outage, and no post." in calm

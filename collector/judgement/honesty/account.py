"""Does what a provider posts on its status page match what we saw? Nothing is claimed of times when nobody read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import median

from collector.judgement.honesty.posts import BACKDATED_BY, Ours, Post

WITHIN = timedelta(hours=4)  # after the end of an incident, for a post to be about it
BEFORE = timedelta(hours=1)  # before our first evidence
GAP_MAX = timedelta(hours=12)  # between two readings; what was said in the last 24 h is read each time
UNDERSTATED_MIN = timedelta(minutes=5)


class Answer(StrEnum):
    """What a provider said about an incident of ours."""

    POSTED = "posted"
    NEVER = "never_posted"
    PENDING = "pending"  # there is still time to
    UNREAD = "page_not_observed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """
    An incident of ours and what was posted about it.

    lag: from our first evidence to the first post, below zero when they were first. stated, ours_for: how long it was,
    by the posts and by us; None while either goes on. backdated: the page was read after the post says it was made,
    and it was not there.
    """

    ours: Ours
    answer: Answer
    posts: tuple[Post, ...] = ()
    lag: timedelta | None = None
    stated: timedelta | None = None
    ours_for: timedelta | None = None
    backdated: bool = False

    @property
    def understated(self) -> timedelta | None:
        """How much shorter the posts say it was; None when that is not known, or it is not."""
        if self.stated is None or self.ours_for is None:
            return None
        by = self.ours_for - self.stated
        return by if by >= UNDERSTATED_MIN else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Honesty:
    """
    The status page of *provider* over [begins, at).

    unseen: posts about nothing that we saw, planned work left out. readings: how often the page was read.
    """

    provider: str
    begins: datetime
    at: datetime
    readings: int
    answers: tuple[Answered, ...]
    unseen: tuple[Post, ...]

    def of(self, answer: Answer) -> tuple[Answered, ...]:
        """Those incidents."""
        return tuple(one for one in self.answers if one.answer is answer)

    @property
    def lags(self) -> tuple[timedelta, ...]:
        """From first evidence to post, of those that were posted."""
        return tuple(one.lag for one in self.answers if one.lag is not None)

    @property
    def lag(self) -> timedelta | None:
        """The median; None without any."""
        return median(self.lags) if self.lags else None  # type: ignore[type-var]

    @property
    def compared(self) -> tuple[Answered, ...]:
        """Those of which both durations are known."""
        return tuple(one for one in self.answers if one.stated is not None and one.ours_for is not None)

    @property
    def stated_share(self) -> float | None:
        """The median of stated by seen duration; None without any."""
        shares = [one.stated / one.ours_for for one in self.compared if one.stated is not None and one.ours_for]
        return median(shares) if shares else None


def honesty(
    provider: str,
    begins: datetime,
    at: datetime,
    ours: Iterable[Ours],
    posts: Sequence[Post],
    reads: Sequence[datetime],
) -> Honesty:
    """The account of *provider*; posts by created_at, reads in order."""
    told = [post for post in posts if not post.maintenance]
    answers = tuple(_answered(one, posts, reads, at) for one in ours)
    matched = {post.id for one in answers for post in one.posts}
    return Honesty(
        provider=provider,
        begins=begins,
        at=at,
        readings=len(reads),
        answers=answers,
        unseen=tuple(post for post in told if post.id not in matched and begins <= post.created_at < at),
    )


def _answered(one: Ours, posts: Iterable[Post], reads: Sequence[datetime], at: datetime) -> Answered:
    ended = one.resolved_at or at
    about = tuple(
        post for post in posts if post.created_at <= ended + WITHIN and (post.ended_at or at) >= one.failed_at - BEFORE
    )
    if not about:
        return Answered(ours=one, answer=_silence(one, ended, reads, at))
    return Answered(
        ours=one,
        answer=Answer.POSTED,
        posts=about,
        lag=about[0].created_at - one.failed_at,
        stated=_stated(about),
        ours_for=None if one.resolved_at is None else one.resolved_at - one.failed_at,
        backdated=_backdated(about[0], reads),
    )


def _silence(one: Ours, ended: datetime, reads: Sequence[datetime], at: datetime) -> Answer:
    """Why there is no post."""
    until = ended + WITHIN
    if one.resolved_at is None or at < until:
        return Answer.PENDING
    return Answer.NEVER if _read_throughout(one.failed_at, until, reads) else Answer.UNREAD


def _read_throughout(begins: datetime, ends: datetime, reads: Sequence[datetime]) -> bool:
    """Whether a post made in [begins, ends] cannot have been missed: what is posted stays readable for a day."""
    within = [begins, *(read for read in reads if begins <= read <= ends + GAP_MAX)]
    return within[-1] >= ends and all(b - a <= GAP_MAX for a, b in pairwise(within))


def _stated(about: Sequence[Post]) -> timedelta | None:
    """From the first post to the last end; None while one goes on."""
    ends = [post.ended_at for post in about if post.ended_at is not None]
    return max(ends) - about[0].created_at if len(ends) == len(about) else None


def _backdated(post: Post, reads: Sequence[datetime]) -> bool:
    """Whether the page had been read after the post says it was made, and before we first saw it there."""
    before = [read for read in reads if read < post.read_at]
    return bool(before) and before[-1] > post.created_at + BACKDATED_BY

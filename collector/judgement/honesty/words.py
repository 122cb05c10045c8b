"""How the account of a status page is said to people: what was posted, and what we saw; never why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from collector.judgement.honesty.account import WITHIN, Answer, Answered, Honesty
from collector.judgement.honesty.posts import Post
from collector.judgement.wording import count, duration, percent

ANSWER_WORDS: Mapping[Answer, str] = MappingProxyType(
    {
        Answer.POSTED: "posted",
        Answer.NEVER: "nothing posted",
        Answer.PENDING: "nothing posted yet",
        Answer.UNREAD: "page not observed",
    }
)
UNREAD = (
    "Their status page was not observed in this window, so nothing is said of it: a target with a status_page "
    "module reads it."
)
CAVEAT = (
    f"Posts are taken for an answer from an hour before our first evidence until {duration(WITHIN)} after the end. One "
    "about nothing that we saw may be about something that we do not probe."
)


def lag(span: timedelta) -> str:
    """`12 m after` our first evidence, or before it."""
    return f"{duration(abs(span))} {'before' if span < timedelta() else 'after'}"


def summary(found: Honesty) -> tuple[str, ...]:
    """The figures, each with its n."""
    if not found.readings:
        return (UNREAD,)
    posted, never, pending, unread = (len(found.of(one)) for one in Answer)
    lines = [
        f"{posted} of {posted + never} outages that we saw were posted (n {posted + never}; not yet: {pending}, not "
        f"observed: {unread})"
    ]
    if found.lag is not None:
        lines.append(f"median first post {lag(found.lag)} our first evidence (n {len(found.lags)})")
    if found.stated_share is not None:
        shorter = sum(one.understated is not None for one in found.compared)
        lines.append(
            f"posts say {percent(found.stated_share, 0)} of the duration that we saw, in the median; shorter by 5 m or "
            f"more in {shorter} (n {len(found.compared)})"
        )
    backdated = sum(one.backdated for one in found.answers)
    if backdated:
        lines.append(f"{backdated} posts bear a time at which the page was read without them (n {posted})")
    lines.append(f"{len(found.unseen)} posts about nothing that we saw")
    return (*lines, f"page read {count(found.readings)} times")


def answered(one: Answered) -> str:
    """What was posted about an incident, and when."""
    said = ANSWER_WORDS[one.answer]
    if one.lag is None:
        return said
    parts = [f"{said} {lag(one.lag)}"]
    if one.stated is not None:
        parts.append(f"stated {duration(one.stated)}")
    if one.backdated:
        parts.append("dated before it was there")
    return ", ".join(parts)


def seen_for(one: Answered) -> str:
    """How long it was, by us."""
    ours = one.ours
    return "goes on" if ours.resolved_at is None else duration(ours.resolved_at - ours.failed_at)


def posted(post: Post) -> str:
    """What a post said, in one line of printable text."""
    return "".join(sign if sign.isprintable() else " " for sign in post.said)

"""A provider's status page beside what we saw, as HTML. What it posts comes from outside: all goes through `text`."""

from __future__ import annotations

from collector.judgement.honesty import words
from collector.judgement.honesty.account import Answer, Answered, Honesty
from collector.judgement.honesty.posts import Post
from dashboard import markup
from dashboard.markup import text

TITLE = "Their status page"
HEADER = ("First evidence (UTC)", "What", "Seen for", "Posted", "Their words")
ROWS_MAX = 25
_LOOK = {Answer.POSTED: "good", Answer.NEVER: "severe", Answer.PENDING: "unknown", Answer.UNREAD: "unknown"}
_SIGN = {Answer.POSTED: "✓", Answer.NEVER: "✗", Answer.PENDING: "…", Answer.UNREAD: "?"}


def section(found: Honesty) -> str:
    """The figures, then each outage with its answer, the newest first, then posts about nothing that we saw."""
    if not found.readings:
        return f"<h2>{TITLE}</h2>{markup.notes(words.UNREAD)}"
    rows = [_answered(one) for one in reversed(found.answers[-ROWS_MAX:])]
    rows += [_unseen(one) for one in reversed(found.unseen[-ROWS_MAX:])]
    table = markup.table(HEADER, rows, "ts-list") if rows else markup.notes("No outage, and no post.")
    since = f"{found.begins:%d %b} to {found.at:%d %b %Y %H:%M} UTC"
    return (
        f'<h2>{TITLE} <span class="ts-dim">{text(since)}</span></h2>{markup.notes(*words.summary(found))}{table}'
        f'<div class="ts-foot">{text(words.CAVEAT)}</div>'
    )


def _answered(one: Answered) -> str:
    return markup.raw_row(
        (
            text(f"{one.ours.failed_at:%d %b %H:%M}"),
            f"{text(one.ours.scope)}<small>{text(one.ours.reason)}</small>",
            text(words.seen_for(one)),
            f'<b class="ts-result ts-{_LOOK[one.answer]}">{_SIGN[one.answer]} {text(words.answered(one))}</b>',
            text(words.posted(one.posts[0])) if one.posts else "",
        )
    )


def _unseen(one: Post) -> str:
    return markup.raw_row(
        (text(f"{one.created_at:%d %b %H:%M}"), "nothing seen by us", "", "posted", text(words.posted(one)))
    )

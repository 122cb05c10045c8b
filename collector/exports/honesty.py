"""The account of a status page as JSON: spans in seconds, times in ISO 8601 UTC."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from collector.judgement.honesty.account import Answered, Honesty
from collector.judgement.honesty.posts import Post


def plain(found: Honesty) -> dict[str, Any]:
    """*found* as JSON has it."""
    return {
        "provider": found.provider,
        "begins": found.begins.isoformat(),
        "at": found.at.isoformat(),
        "page_readings": found.readings,
        "median_lag_s": _seconds(found.lag),
        "n_lag": len(found.lags),
        "median_stated_share": found.stated_share,
        "n_stated": len(found.compared),
        "outages": [_answered(one) for one in found.answers],
        "posts_unseen": [_post(one) for one in found.unseen],
    }


def _answered(one: Answered) -> dict[str, Any]:
    ours = one.ours
    return {
        "incident": ours.id,
        "scope": ours.scope,
        "reason": ours.reason,
        "failed_at": ours.failed_at.isoformat(),
        "resolved_at": ours.resolved_at.isoformat() if ours.resolved_at else None,
        "answer": one.answer.value,
        "lag_s": _seconds(one.lag),
        "stated_s": _seconds(one.stated),
        "seen_s": _seconds(one.ours_for),
        "understated_s": _seconds(one.understated),
        "backdated": one.backdated,
        "posts": [_post(post) for post in one.posts],
    }


def _post(post: Post) -> dict[str, Any]:
    return {
        "id": post.id,
        "said": post.said,
        "created_at": post.created_at.isoformat(),
        "ended_at": post.ended_at.isoformat() if post.ended_at else None,
        "first_read_at": post.read_at.isoformat(),
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()

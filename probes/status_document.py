"""What a status page says, read from the two JSON documents of Atlassian Statuspage's API, whatever they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import orjson

from probes.failure import printable
from schemas.sample import NAME_CHARS_MAX, Sample

DOCUMENT_BYTES_MAX = 2 * 1024 * 1024
INCIDENTS_MAX = 200  # of one document; the service gives the last 50
KEPT_MAX = 30  # posts of one reading, of at most two samples each
KEPT_FOR = timedelta(hours=24)  # after its last change a post is kept no more
SAID_CHARS_MAX = 200
YEARS = range(2000, 2100)
POST, POST_ENDED = "status_post", "status_post_ended"
INDICATORS: Mapping[str, float] = MappingProxyType({"none": 0.0, "minor": 1.0, "major": 2.0, "critical": 3.0})


class UnreadableError(ValueError):
    """The document is not what the API says; the words say how."""


@dataclass(frozen=True, slots=True)
class Posted:
    """An incident on the page; *ended_at* is None while it has no end."""

    id: str
    said: str
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class StatusDocument:
    """
    The page as a whole.

    indicator: a figure of INDICATORS, None for a word that is not among them. skipped: incidents whose id or time
    cannot be read.
    """

    indicator: float | None
    posts: tuple[Posted, ...]
    skipped: int

    def figures(self) -> dict[str, float]:
        """Figures of the observation; what is not known is left out."""
        found = {"open_incidents": float(sum(post.ended_at is None for post in self.posts))}
        if self.indicator is not None:
            found["indicator"] = self.indicator
        if self.posts:
            found["newest_created_s"] = max(post.created_at.timestamp() for post in self.posts)
            found["newest_updated_s"] = max(post.updated_at.timestamp() for post in self.posts)
        return found

    def samples(self, now: datetime) -> tuple[Sample, ...]:
        """Posts that are open or were changed within KEPT_FOR, the newest KEPT_MAX of them."""
        kept = [post for post in self.posts if post.ended_at is None or post.updated_at > now - KEPT_FOR]
        kept.sort(key=lambda post: (post.created_at, post.id), reverse=True)
        return tuple(sample for post in kept[:KEPT_MAX] for sample in _samples(post))


def status_document(summary: bytes, incidents: bytes) -> StatusDocument:
    """The page that `summary.json` and `incidents.json` describe; raises UnreadableError."""
    whole, history = _object(summary, "summary.json"), _object(incidents, "incidents.json")
    status = whole.get("status")
    if not isinstance(status, dict):
        raise UnreadableError("summary.json has no status")
    listed = history.get("incidents")
    if not isinstance(listed, list):
        raise UnreadableError("incidents.json has no list of incidents")
    found = [_posted(one) for one in listed[:INCIDENTS_MAX]]
    posts = {post.id: post for post in found if post is not None}
    word = status.get("indicator")
    return StatusDocument(
        indicator=INDICATORS.get(word) if isinstance(word, str) else None,
        posts=tuple(posts.values()),
        skipped=found.count(None),
    )


def _object(document: bytes, name: str) -> dict[str, Any]:
    if len(document) > DOCUMENT_BYTES_MAX:
        raise UnreadableError(f"{name} has {len(document)} bytes")
    try:
        value = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise UnreadableError(f"{name} is no JSON ({error})") from error
    if not isinstance(value, dict):
        raise UnreadableError(f"{name} is no JSON object")
    return value


def _posted(one: object) -> Posted | None:
    if not isinstance(one, dict):
        return None
    id, created = one.get("id"), _instant(one.get("created_at"))
    if not isinstance(id, str) or not id or created is None:
        return None
    return Posted(
        id=printable(id)[:NAME_CHARS_MAX],
        said=_said(one),
        created_at=created,
        updated_at=_instant(one.get("updated_at")) or created,
        ended_at=_instant(one.get("resolved_at")),
    )


def _said(one: Mapping[str, object]) -> str:
    """Impact and name, in one printable line: `major: Elevated error rates`."""
    words = (one.get(name) for name in ("impact", "name"))
    line = ": ".join(word if isinstance(word, str) and word else "none" for word in words)
    return printable(" ".join(line.split()))[:SAID_CHARS_MAX]


def _instant(text: object) -> datetime | None:
    """ISO 8601 with its offset, of this century."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None and at.year in YEARS else None


def _samples(post: Posted) -> Iterable[Sample]:
    yield Sample(POST, post.id, post.created_at.timestamp(), post.said)
    if post.ended_at is not None:
        yield Sample(POST_ENDED, post.id, post.ended_at.timestamp())


def words_of(found: StatusDocument, names: Sequence[str] = tuple(INDICATORS)) -> str:
    """One line for the observation's detail."""
    word = "unknown" if found.indicator is None else names[int(found.indicator)]
    unread = f", {found.skipped} incidents could not be read" if found.skipped else ""
    return f"indicator {word}, {sum(post.ended_at is None for post in found.posts)} open{unread}"

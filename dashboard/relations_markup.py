"""Whom a provider fails together with, and what they share, as HTML. Names come from outside: all go through `text`."""

from __future__ import annotations

from collections.abc import Sequence

from collector.judgement.correlation import words
from collector.judgement.correlation.co_failure import CoFailure, Standing
from collector.judgement.correlation.relations import Relations
from collector.judgement.correlation.shared_infrastructure import Shared
from collector.judgement.wording import count
from dashboard import markup
from dashboard.markup import text

TITLE = "Fails together with"
HEADER = ("Provider", "Down together, of each", "Outages together", "As often as independent ones", "q", "n buckets")
SHARED_HEADER = ("Provider", "Shared", "Which", "Weight", "Seen")


def section(found: Relations, provider: str) -> str:
    """What is said of *provider*; *found* is about it alone."""
    together = [one for one in found.pairs if one.standing is Standing.TOGETHER]
    parts = [markup.notes(words.window(found), words.tested(found))]
    if together:
        parts.append(markup.table(HEADER, [_pair(one, provider) for one in together], "ts-list"))
    else:
        parts.append(markup.notes(_none(found)))
    if found.shared:
        parts.append(markup.table(SHARED_HEADER, [_shared(one, provider) for one in found.shared], "ts-list"))
    parts += [markup.notes(f"counted as one supplier: {words.group(group)}") for group in found.groups]
    notes = words.CAVEAT + (f" {words.HINTS}" if found.shared else "")
    return f'<h2>{TITLE}</h2>{"".join(parts)}<div class="ts-foot">{text(notes)}</div>'


def _none(found: Relations) -> str:
    if not found.pairs:
        return "No other provider was observed in this window."
    tested = [one for one in found.pairs if one.standing is Standing.NOT_FOUND]
    if not tested:
        return f"Too little to say: {words.insufficient(_most(found.pairs))}, with the one that was seen most."
    caught = [one for one in tested if one.smallest is not None]
    if not caught:
        return "None is found to; but even being down only together would not have been found for certain."
    least = min(caught, key=lambda one: one.smallest or 0)
    most = max(caught, key=lambda one: one.smallest or 0)
    return (
        f"None is found to. Certainly found would have been {words.down(least.smallest or 0)} to "
        f"{words.down(most.smallest or 0)} down together, by pair ({len(caught)} of {len(tested)} pairs)."
    )


def _most(pairs: Sequence[CoFailure]) -> CoFailure:
    return max(pairs, key=lambda one: (one.n, min(one.episodes_a, one.episodes_b)))


def _pair(one: CoFailure, provider: str) -> str:
    other = one.b if one.a == provider else one.a
    linked = f"<small>{text(words.linked(one))}</small>" if one.linked else ""
    return markup.raw_row(
        (
            f"<b>{text(other)}</b>{linked}",
            text(words.together(one)),
            text(words.outages(one)),
            f"<b>{text(words.times(one.lift))}</b><small>{text(words.smallest(one))}</small>",
            text(f"{one.q:.2g}" if one.q is not None else ""),
            text(count(one.n)),
        )
    )


def _shared(one: Shared, provider: str) -> str:
    other = one.b if one.a == provider else one.a
    return markup.row((other, words.WHAT_WORDS[one.what], one.value, one.weight.value, words.sightings(one)))

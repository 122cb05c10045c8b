"""`touchstone honesty`: what providers post on their status pages, beside what we saw."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from touchstone import exit_codes
from touchstone.instants import INSTANT, in_milliseconds
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collector.judgement.honesty.account import Honesty

DAYS = 30
DAYS_MAX = 180


@click.command("honesty")
@click.argument("provider", required=False)
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=DAYS, help=f"Days to look back over ({DAYS}).")
@click.option("--as-of", "at", type=INSTANT, help="As it was known then; else now.")
@json_option
@pass_session
def command(session: Session, provider: str | None, days: int, at: datetime | None, as_json: bool) -> int:
    """Print of each outage what was posted about it and how soon; and posts about nothing that we saw."""
    from collector.exports import honesty as exports
    from collector.storage.queries import Reader

    at = in_milliseconds(at or session.clock.now())
    names = _named(session, provider)
    with Reader.open(session.configuration.settings.store) as reader:
        found = tuple(reader.honesty(name, at - timedelta(days=days), at) for name in names)
    if as_json:
        session.print_json({"providers": [exports.plain(one) for one in found]})
    else:
        for one in found:
            _print(session, one, whole=provider is not None)
        _print_caveat(session)
    return exit_codes.FINE


def _named(session: Session, provider: str | None) -> tuple[str, ...]:
    """One, or all of the fleet; raises UsageError for one that is not in it."""
    known = tuple(sorted(session.configuration.fleet.providers))
    if provider is not None and provider not in known:
        raise click.UsageError(f"no provider is called {provider!r}; there are {', '.join(known)}")
    return known if provider is None else (provider,)


def _print(session: Session, found: Honesty, *, whole: bool) -> None:
    """The figures; of one provider that was asked for each outage and each post too."""
    from rich.markup import escape

    from collector.judgement.honesty import words

    session.out.print(f"[bold]{escape(found.provider)}[/bold]")
    for line in words.summary(found):
        session.out.print(f"  {escape(line)}")
    if not whole:
        return
    for one in found.answers:
        session.out.print(
            escape(f"  {one.ours.failed_at:%m-%d %H:%M} {one.ours.scope}, {words.seen_for(one)}: {words.answered(one)}")
        )
    for post in found.unseen:
        session.out.print(escape(f"  {post.created_at:%m-%d %H:%M} posted, nothing seen by us: {words.posted(post)}"))


def _print_caveat(session: Session) -> None:
    from collector.judgement.honesty import words

    session.err.print(words.CAVEAT)

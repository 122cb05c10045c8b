"""`touchstone integrity`: what the evidence about providers' claims comes to, and the document for a provider."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collector.judgement.integrity.findings import Examination


@click.command("integrity")
@click.argument("provider", required=False)
@click.option("--now", "fresh", is_flag=True, help="Examine anew, and store nothing.")
@click.option("--letter", type=click.Path(path_type=Path), metavar="FILE", help="Write the document for PROVIDER.")
@json_option
@pass_session
def command(session: Session, provider: str | None, fresh: bool, letter: Path | None, as_json: bool) -> int:
    """Print how far each provider's claims are contradicted; exit 1 when one is suspect by it."""
    if letter is not None and provider is None:
        raise click.UsageError("--letter is about one provider: name it")
    found = _examined(session) if fresh else _stored(session)
    chosen = [one for one in found if provider in {None, one.suspicion.provider}]
    if provider is not None and not chosen:
        raise click.UsageError(f"nothing was examined of {provider!r} yet; --now does it")
    if letter is not None:
        _write(session, chosen[0], letter)
    elif as_json:
        from pydantic_core import to_jsonable_python

        session.print_json([{"at": one.at, **to_jsonable_python(one.suspicion)} for one in chosen])
    elif provider is not None:
        print_examination(session, chosen[0])
    else:
        _print_table(session, chosen)
    return exit_codes.FINDINGS if any(one.suspicion.stage == "suspect" for one in chosen) else exit_codes.FINE


def _stored(session: Session) -> list[Examination]:
    from collector.storage.queries import Reader

    with Reader.open(session.configuration.settings.store) as reader:
        return list(reader.examinations())


def _examined(session: Session) -> list[Examination]:
    import asyncio

    async def examine() -> list[Examination]:
        from collector.examination import suspicions_at
        from collector.judgement.integrity.findings import Examination
        from collector.storage.clickhouse import ClickHouse

        async with ClickHouse.opened(session.configuration.settings.store, clock=session.clock) as store:
            at = session.clock.now()
            at = at.replace(microsecond=at.microsecond // 1000 * 1000)
            return [Examination(at, one) for one in (await suspicions_at(store, session.configuration, at)).values()]

    return asyncio.run(examine())


def _print_table(session: Session, found: list[Examination]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from collector.judgement.integrity import words

    if not found:
        session.out.print("nothing was examined yet; touchstone integrity --now does it")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for title, justify in (("Provider", "left"), ("Stage", "left"), ("E", "right"), ("Checks", "left")):
        table.add_column(title, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for one in sorted((each.suspicion for each in found), key=lambda one: (-one.e, one.provider)):
        table.add_row(escape(one.provider), one.stage.value, f"{one.e:.3g}", words.summary(one))
    session.out.print(table)


def print_examination(session: Session, examination: Examination) -> None:
    """Everything about one provider: each check with what it measured, and how what is held against it came about."""
    from rich.markup import escape

    from collector.judgement.integrity import words
    from collector.judgement.integrity.findings import ranked
    from schemas.evidence import Standing

    out, suspicion = session.out, examination.suspicion
    out.print(f"\n[bold]claims[/] ({words.STAGE_WORDS[suspicion.stage]})")
    for one in ranked(suspicion.evidence):
        said = [one.said, words.measurement(one), words.error_rate(one)]
        out.print(f"  {escape(words.headline(one))}: {escape('; '.join(filter(None, said)))}", soft_wrap=True)
        if one.standing is Standing.NOT_REJECTED and one.smallest:
            out.print(f"      [dim]would have caught: {escape(one.smallest)}[/]", soft_wrap=True)
        if one.standing in {Standing.CONTRADICTED, Standing.NOTICED}:
            assumed = (f"assuming {each}" for each in one.assumptions)
            rows = f"rows: {words.rows_query(one, examination.since, examination.at)}"
            for line in (f"claim: {one.claim}", *one.arithmetic, *assumed, rows):
                out.print(f"      {escape(line)}", soft_wrap=True)
    for line in words.put_together(suspicion):
        out.print(f"  [dim]{escape(line)}[/]", soft_wrap=True)


def _write(session: Session, examination: Examination, path: Path) -> None:
    from collector.exports.integrity_letter import letter

    configuration = session.configuration
    known = configuration.fleet.providers.get(examination.suspicion.provider)
    document = letter(examination, name=known.name if known else "", simulated=configuration.settings.simulated)
    if str(path) == "-":
        sys.stdout.write(document)
        return
    try:
        path.write_text(document)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error

"""`touchstone prompts`: sets of prompts that cannot be guessed; committed to before they are used, revealed after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from probes.border_search import Candidate
    from probes.contract import Subject


def set_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--set and --prompts, which name what is committed to."""
    for option in (
        click.option("--prompts", type=click.IntRange(1, 1000), default=25, show_default=True, help="Of the set."),
        click.option("--set", "name", required=True, metavar="NAME", help="The name of the set."),
    ):
        function = option(function)
    return function


@click.group("prompts")
def command() -> None:
    """Sets of prompts, their commitments, and which inputs lie on a border."""


@command.command("commitment")
@set_options
@json_option
@pass_session
def commitment(session: Session, /, name: str, prompts: int, as_json: bool) -> int:
    """Print the hash to publish before a set is used; it tells nothing about the prompts."""
    from probes.prompt_set import commitment_of

    committed = _or_usage(lambda: commitment_of(_secret(session), name, prompts))
    if as_json:
        session.print_json({"set": name, "prompts": prompts, "commitment": committed})
    else:
        click.echo(committed)
    return exit_codes.FINE


@command.command("reveal")
@set_options
@json_option
@pass_session
def reveal(session: Session, /, name: str, prompts: int, as_json: bool) -> int:
    """Print a set's key and prompts, once it is out of use: whoever has the commitment can check them."""
    from probes.prompt_set import commitment_of_key, key_of, prompts_of_key

    key = _or_usage(lambda: key_of(_secret(session), name))
    texts = prompts_of_key(key, prompts)
    in_use = sorted(
        module for module, settings in session.configuration.settings.modules.items()
        if getattr(settings, "set", None) == name
    )  # fmt: skip
    if in_use:
        session.err.print(
            f"{name} is still in use by {', '.join(in_use)}: a provider that knows it can be ready for it"
        )
    if as_json:
        committed = commitment_of_key(key, name, prompts)
        session.print_json({"set": name, "key": key.hex(), "commitment": committed, "prompts": list(texts)})
    else:
        click.echo(f"key {key.hex()}")
        for text in texts:
            click.echo(text)
    return exit_codes.FINE


@command.command("check")
@set_options
@click.option("--key", required=True, metavar="HEX", help="As it was revealed.")
@click.option("--commitment", "published", required=True, metavar="HEX", help="As it was published.")
@json_option
@pass_session
def check(session: Session, /, name: str, prompts: int, key: str, published: str, as_json: bool) -> int:
    """Check a revealed set against its commitment; needs no secret and no configuration."""
    from probes.prompt_set import commitment_of_key

    try:
        revealed = bytes.fromhex(key)
    except ValueError:
        raise click.BadParameter("not hexadecimal", param_hint="--key") from None
    fits = commitment_of_key(revealed, name, prompts) == published.strip().lower()
    if as_json:
        session.print_json({"set": name, "prompts": prompts, "fits": fits})
    else:
        click.echo("fits the commitment" if fits else "does not fit the commitment")
    return exit_codes.FINE if fits else exit_codes.FINDINGS


@command.command("borders")
@click.argument("target")
@click.option("--module", "module_name", required=True, metavar="NAME", help="A border_input module of TARGET.")
@click.option("--candidates", type=click.IntRange(1, 10_000), default=5000, show_default=True, help="To look at.")
@click.option("--repeats", type=click.IntRange(2, 20), default=3, show_default=True, help="Of one candidate, at most.")
@click.option("--at-once", type=click.IntRange(1, 64), default=4, show_default=True, help="Requests.")
@json_option
@pass_session
def borders(
    session: Session, /, target: str, module_name: str, candidates: int, repeats: int, at_once: int, as_json: bool
) -> int:
    """Ask TARGET for one token for each candidate of its module's set, and print those that lie on a border."""
    import asyncio

    subject = _border_subject(session, target, module_name)
    session.err.print(f"up to {candidates * repeats} requests of one token each, beside the budget of the day")
    found = asyncio.run(_search(session, subject, candidates, repeats, at_once))
    inputs = [one.index for one in found if one.on_border]
    failed, asked = sum(one.failed for one in found), sum(one.n + one.failed for one in found)
    if as_json:
        session.print_json({"inputs": inputs, "requests": asked, "failed": failed})
    else:
        click.echo(f"inputs: {inputs}")
        click.echo(f"{len(inputs)} of {candidates} lie on a border; {asked} requests, {failed} failed", err=True)
    return exit_codes.FINE if inputs else exit_codes.FINDINGS


def _border_subject(session: Session, target: str, module_name: str) -> Subject:
    from probes.contract import Subject
    from probes.kinds.border_input import BorderInputModule

    settings = session.configuration.settings
    place = next((place for place in session.configuration.fleet.places() if place.id == target), None)
    if place is None:
        raise click.UsageError(f"the fleet has no target {target!r}")
    module = settings.modules.get(module_name)
    if not isinstance(module, BorderInputModule):
        raise click.UsageError(f"--module {module_name}: not a border_input module")
    return Subject(place, module_name, module, secret=settings.integrity.secret)


async def _search(
    session: Session, subject: Subject, candidates: int, repeats: int, at_once: int
) -> tuple[Candidate, ...]:
    from rich.progress import Progress

    from probes.border_search import search
    from probes.connection import Connections

    with Progress(console=session.err) as progress:
        task = progress.add_task("candidates", total=candidates)
        async with Connections() as connections:
            return await search(
                subject, candidates, repeats, at_once,
                connections=connections, clock=session.clock, done=lambda: progress.advance(task),
            )  # fmt: skip


def _secret(session: Session) -> bytes:
    secret = session.configuration.settings.integrity.secret
    if secret is None:
        raise click.UsageError("the settings have no integrity.secret")
    return secret.get_secret_value().encode()


def _or_usage(make: Callable[[], Any]) -> Any:
    """What *make* makes; what it refuses is the caller's mistake."""
    try:
        return make()
    except ValueError as error:
        raise click.UsageError(str(error)) from None

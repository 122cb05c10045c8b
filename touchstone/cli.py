"""The command line. Every command is one file in touchstone/commands, loaded when it is asked for."""

from __future__ import annotations

import io
import logging
import sys
from importlib import import_module
from pathlib import Path

import click

from schemas.errors import ConfigurationError, TouchstoneError
from touchstone import __version__, exit_codes
from touchstone.session import Session
from touchstone.terminal import legible

# name on the command line -> (module in touchstone.commands, what it does)
COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("up", "Start and supervise everything on the embedded store with the simulated fleet."),
    "agent": ("agent", "Probe every target of the fleet and ship what was observed."),
    "heartbeats": ("heartbeats", "Receive the calls that targets make to us."),
    "store": ("store", "Serve the embedded ClickHouse engine; back up, check and migrate any store."),
    "collect": ("collect", "Receive observations, judge and page."),
    "dashboard": ("dashboard", "Serve the dashboard."),
    "simulate": ("simulate", "Simulated clouds, and their past."),
    "receiver": ("receiver", "Receive pages, record them, fail when told to."),
    "probe": ("probe", "Send one request and print its timings as a waterfall."),
    "prompts": ("prompts", "Sets of prompts that cannot be guessed, and their commitments."),
    "tiers": ("tiers", "The tier of every provider."),
    "explain": ("explain", "Why a tier or an incident is what it is: every gate, every transition."),
    "incidents": ("incidents", "Open and past incidents."),
    "ack": ("ack", "Somebody has an incident: reminders and escalation stop."),
    "close": ("close", "A human says that an incident is over."),
    "silence": ("silence", "Hold the pages of a scope from now on."),
    "maintenance": ("maintenance", "Plan a window in which the pages of a scope are held."),
    "suppressions": ("suppressions", "Silences and maintenance windows; end one."),
    "responses": ("responses", "Who asked for what, when, and why."),
    "drill": ("drill", "A marked P0 through the real path, measured."),
    "pages": ("pages", "Did the page go out: deliveries, by destination, what is dead or waits."),
    "oncall": ("oncall", "Pages a week, time to page, to acknowledge, to repair."),
    "integrity": ("integrity", "What the evidence about providers' claims comes to; the document for a provider."),
    "reply": ("reply", "A provider replied to evidence about its claims."),
    "cluster": ("cluster", "What is claimed of one cluster, what is measured, what changed."),
    "compare": ("compare", "Every provider over a window, side by side."),
    "value": ("value", "What a model at each provider is worth for the money; a GPU-hour with all that it costs."),
    "sla": ("sla", "Billing months by their contracts: uptime, credit, deadline."),
    "related": ("related", "Which providers fail together or share infrastructure; independent suppliers."),
    "honesty": ("honesty", "What status pages said, beside what we saw."),
    "claim": ("claim", "The evidence pack for a claim of service credits."),
    "capacity": ("capacity", "How full each cluster is and until when, its GPUs, who can take its load."),
    "scorecard": ("scorecard", "A provider's exportable record (json, csv, md, html, pdf)."),
    "reports": ("reports", "Scorecards that went out by themselves."),
    "export": ("export", "Observations, a public status page, a Grafana dashboard, as files."),
    "sql": ("sql", "A query of the store, for reading only."),
    "plan": ("plan", "What the configuration costs a day, how soon it notices, what it can claim."),
    "rules": ("rules", "The objectives as Prometheus recording and alerting rules."),
    "backtest": ("backtest", "What a policy would have paged over stored history, and when."),
    "reference": ("reference", "Trusted references for the identity check: capture, list, check."),
    "judge": ("judge", "Recompute the verdicts as of an instant."),
    "check-config": ("check_config", "Report everything that is wrong in the configuration."),
    "health": ("health", "Is the monitor itself healthy: what is late, what was not observed."),
    "doctor": ("doctor", "Check what Touchstone needs on this machine."),
}


class Catalogue(click.Group):
    """A group that imports a command's file only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the catalogue."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command = import_module(f"touchstone.commands.{module}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=Catalogue, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="touchstone")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    envvar="TOUCHSTONE_CONFIG",
    help="Settings file (default: touchstone.yaml).",
)
@click.option("-v", "--verbose", is_flag=True, help="Log what happens, on standard error.")
@click.pass_context
def application(ctx: click.Context, config: Path | None, verbose: bool) -> None:
    """Touchstone measures GPU clouds with real inference, tiers them on evidence, and pages when they break."""
    ctx.obj = Session(config_path=config)
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for library in ("urllib3.connectionpool", "clickhouse_connect", "apscheduler"):
        logging.getLogger(library).setLevel(logging.ERROR)  # what fails is said once, in our own words


def main() -> None:
    """Run the command line; every deliberate error becomes one clear message and its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Unicode gets question marks, no traceback
    try:
        outcome = application.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(exit_codes.CONFIGURATION)
    except ConfigurationError as error:
        click.echo(legible(error), err=True)
        sys.exit(exit_codes.CONFIGURATION)
    except TouchstoneError as error:
        click.echo(legible(f"{type(error).__name__}: {error}"), err=True)
        sys.exit(exit_codes.RUNTIME)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(exit_codes.FINE)
    sys.exit(outcome if isinstance(outcome, int) else exit_codes.FINE)


if __name__ == "__main__":
    main()

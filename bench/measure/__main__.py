"""`make bench-measure`: every client against the same server, interleaved in one run. docs/benches.md."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import product

from rich.console import Console

from bench.chart import log_chart
from bench.machine import Watch
from bench.measure import blackbox_trial, plan
from bench.measure.agent_trial import Kind, try_agent
from bench.measure.blackbox_trial import try_blackbox
from bench.measure.capacity import largest_good, search
from bench.measure.collected import OURS, Collected, agreement_of, figures_of, panels_of, readers_of
from bench.measure.errors import BenchError
from bench.measure.lateness import Trial
from bench.measure.load_server import build
from bench.measure.place import Cores, cores
from bench.measure.plan import Plan
from bench.measure.readers.catalog import READERS
from bench.measure.readers.contract import Reader
from bench.measure.show import headline, readers_tables
from bench.measure.streams_suite import run_streams
from bench.results import FOLDER, figures_table, shown, write_results
from bench.spread import percentile

BLACKBOX = "blackbox_exporter"


@dataclass(slots=True)
class Session:
    """One bench under way."""

    plan: Plan
    cores: Cores
    console: Console
    readers: list[Reader] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    collected: Collected = field(default_factory=Collected)
    realtime: bool = True
    start: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        """One line of progress."""
        self.console.print(
            f"[dim]{time.monotonic() - self.start:6.0f} s[/dim]  {what}", highlight=False, soft_wrap=True
        )

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """A run that may fail: the failure is said and kept, and the bench goes on."""
        try:
            with self.console.status(what):
                yield
        except BenchError as error:
            self.collected.complaints.append(str(error))
            self.say(f"[red]{what}: {error}[/red]")


def prepare(session: Session) -> None:
    """Build what is ours, install the peers, and say who is absent."""
    for program in ("load_server", "kernel_reader"):
        build(program)
    peers = 0
    for reader in READERS:
        if reader.is_peer and peers == session.plan.peers_max:
            session.versions[reader.name] = "not run: QUICK"
            continue
        with session.console.status(f"{reader.name}: installed?"):
            why = reader.absent()
        if why is not None:
            session.versions[reader.name] = f"absent: {why}"
            session.say(f"[yellow]{reader.name} is absent: {why}[/yellow]")
            continue
        session.versions[reader.name] = reader.version()
        session.readers.append(reader)
        peers += reader.is_peer
        session.collected.peers |= {reader.name} if reader.is_peer else set()
    why = blackbox_trial.absent()
    session.versions[BLACKBOX] = blackbox_trial.version() if why is None else f"absent: {why}"


def measure_streams(session: Session) -> None:
    """Errors and bursts: every client at every number of streams, in turn, again and again."""
    cases = list(product(range(session.plan.repeats), session.plan.streams, session.readers))
    for number, (_, streams, reader) in enumerate(cases, 1):
        what = f"streams {number}/{len(cases)}: {reader.name}, {streams}"
        with session.attempt(what):
            run = run_streams(
                reader, streams=streams, requests=max(streams, plan.REQUESTS_MIN), tokens=plan.TOKENS,
                cores=session.cores,
            )  # fmt: skip
            session.realtime &= run.realtime
            session.collected.true_ttft_ms += run.true_ttft_ms
            for series, errors in run.errors.items():
                session.collected.errors[series, streams].append(errors)
                if errors.compared:
                    said, off = percentile(errors.ttft_ms, 0.5), percentile(errors.ttft_error_ms, 0.99)
                    session.say(f"{what}: {series} says TTFT {shown(said)} ms, error p99 {shown(off)} ms")


def measure_cpu(session: Session) -> None:
    """CPU by token: a long run minus a run that differs in the length of its streams only."""
    wanted = [one for one in session.readers if session.plan.cpu_peers or not one.is_peer]
    floors: dict[tuple[str, int], float] = {}
    cases = list(product(range(session.plan.cpu_repeats), session.plan.cpu_streams, wanted))
    for number, (_, streams, reader) in enumerate(cases, 1):
        what = f"CPU {number}/{len(cases)}: {reader.name}, {streams} streams"
        tokens = plan.cpu_tokens(streams, session.plan.cpu_tokens_total)
        with session.attempt(what):
            run = partial(run_streams, reader, streams=streams, requests=streams, cores=session.cores)
            if (reader.name, streams) not in floors:
                floors[reader.name, streams] = run(tokens=plan.FLOOR_TOKENS).account.cpu_s
            long_s = run(tokens=tokens).account.cpu_s
            cost_s = plan.cpu_s_per_1000(long_s, floors[reader.name, streams], requests=streams, tokens=tokens)
            session.collected.cpu_s[reader.name, streams].append(cost_s)
            session.say(f"{what}: {shown(cost_s)} s per 1,000 tokens (floor {shown(floors[reader.name, streams])} s)")


def measure_targets(session: Session) -> None:
    """Lateness at the number aimed at, and the search for the largest number that a core holds."""
    contestants = _contestants(session)
    for (who, kind), try_at in contestants.items():
        with session.attempt(f"targets: {who}, {kind}"):
            trial = try_at(session.plan.targets)
            session.collected.trials[who, kind].append(trial)
            session.say(f"targets: {who}, {kind}: {_told(trial)}")
    if session.plan.refinements is None:
        return
    for number, ((who, kind), try_at) in product(range(session.plan.search_repeats), contestants.items()):
        what = f"targets, search {number + 1}/{session.plan.search_repeats}: {who}, {kind}"
        with session.attempt(what):
            trials = search(
                _telling(session, what, try_at), start=session.plan.targets, refinements=session.plan.refinements
            )
            session.collected.searches[who, kind].append(trials)
            session.collected.trials[who, kind] += [one for one in trials if one.targets == session.plan.targets]
            session.say(f"{what}: {largest_good(trials):,} targets")


def measure_otel(session: Session) -> None:
    """What OpenTelemetry out costs: the agent's CPU with it over that without, in pairs."""
    for number in range(1, session.plan.otel_pairs + 1):
        what = f"OpenTelemetry out, pair {number}/{session.plan.otel_pairs}"
        with session.attempt(what):
            run = partial(
                try_agent, session.plan.targets, kind="chat_stream", for_s=session.plan.trial_s, cores=session.cores
            )
            without, with_it = run(), run(telemetry=True)
            session.collected.otel_ratios.append(with_it.cores / without.cores)
            session.say(f"{what}: {without.cores:.1%} of a core without, {with_it.cores:.1%} with; {_told(with_it)}")


def _contestants(session: Session) -> dict[tuple[str, str], Callable[[int], Trial]]:
    kinds: tuple[Kind, ...] = ("http_request", "chat_stream")
    found: dict[tuple[str, str], Callable[[int], Trial]] = {
        (OURS, kind): partial(try_agent, kind=kind, for_s=session.plan.trial_s, cores=session.cores) for kind in kinds
    }
    if blackbox_trial.absent() is None:
        found[BLACKBOX, "http_request"] = partial(try_blackbox, for_s=session.plan.trial_s, cores=session.cores)
    return found


def _telling(session: Session, what: str, try_at: Callable[[int], Trial]) -> Callable[[int], Trial]:
    def told(targets: int) -> Trial:
        trial = try_at(targets)
        session.say(f"{what}: {_told(trial)}")
        return trial

    return told


def _told(trial: Trial) -> str:
    return (
        f"{trial.targets:,} targets at 60 s: lateness p50 {shown(trial.p50_ms)}, p99 {shown(trial.p99_ms)} ms, "
        f"{trial.asked_share:.1%} asked, {trial.cores:.0%} of a core"
    )


def report(session: Session, watch: Watch) -> None:
    """The tables, the results file and the plot."""
    collected = session.collected
    figures, readers = figures_of(collected), readers_of(collected)
    machine = watch.facts() | {
        "server_core": session.cores.server, "client_core": session.cores.client,
        "server_at_realtime_priority": session.realtime,
    }  # fmt: skip
    true = collected.true_ttft_ms
    run = {
        "quick": session.plan.quick,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "took_s": round(time.monotonic() - session.start),
        "true_ttft_ms": {"p50": percentile(true, 0.5), "p99": percentile(true, 0.99)} if true else None,
        "agreement": agreement_of(collected),
        "complaints": collected.complaints,
        "readers": readers,
    }
    path = write_results("measure", machine=machine, versions=session.versions, figures=figures, run=run)
    session.console.print(*readers_tables(readers), figures_table("Figures", headline(figures)))
    if len(session.plan.streams) > 1:
        plot = FOLDER / "measure.svg"
        plot.write_text(log_chart(panels_of(collected)))
        session.console.print(f"plot: {plot.relative_to(FOLDER.parents[1])}")
    others = f"{machine['cores_busy_with_others']:g} cores were busy with others"
    session.console.print(f"results: {path.relative_to(FOLDER.parents[1])}; meanwhile {others}")


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small run, in about a minute")
    parser.add_argument("--repeats", type=int, choices=range(1, 10), help="runs of each, of a whole run")
    chosen = parser.parse_args()
    where = cores()
    os.sched_setaffinity(0, {where.server})  # the client's core is the client's
    session = Session(plan.QUICK if chosen.quick else plan.whole(chosen.repeats), where, Console())
    try:
        prepare(session)
    except BenchError as error:
        session.console.print(f"[red]bench-measure: {error}[/red]")
        return 3
    session.start, watch = time.monotonic(), Watch()
    for suite in (measure_streams, measure_cpu, measure_targets, measure_otel):
        suite(session)
    report(session, watch)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`exec`: a command of one's own; its exit status is the outcome, the numbers in its JSON output are figures."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

import orjson
from pydantic import Field, StringConstraints, model_validator

from probes.command import STDOUT_BYTES_MAX, Ran, run_command
from probes.contract import Ask, Finding, Subject
from probes.failure import detail_of
from probes.reported_figures import reported_figures
from schemas.config import Module
from schemas.errors import TouchstoneError
from schemas.observation import DETAIL_CHARS_MAX, Outcome, Reason, Timings
from schemas.quantity import DurationS

Word = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Status = Annotated[int, Field(ge=1, le=255)]
SECRET_CHARS_MIN = 4  # a shorter value of the environment is no secret, and stands in many words
# Sent by somebody on this machine, or by its kernel when memory ran out: the command has said nothing.
FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
REASONS: Mapping[Outcome, Reason] = MappingProxyType(
    {
        Outcome.DEGRADED: Reason.COMMAND_FAILED,
        Outcome.FAILED: Reason.COMMAND_FAILED,
        Outcome.NOT_OBSERVED: Reason.OBSERVER_ERROR,
    }
)


class ExecModule(Module):
    """A command of one's own."""

    kind: Literal["exec"]
    timeout: DurationS = 60.0
    connection: Literal["cold"] = "cold"
    command: tuple[Word, ...] = Field(min_length=1, description="program and arguments; no shell reads them")
    environment: tuple[VariableName, ...] = Field(default=(), description="variables of the agent's that it is given")
    degraded_exit: tuple[Status, ...] = (76,)
    not_observed_exit: tuple[Status, ...] = (77, 126, 127)

    @model_validator(mode="after")
    def _one_meaning(self) -> ExecModule:
        both = set(self.degraded_exit) & set(self.not_observed_exit)
        if both:
            raise ValueError(f"exit {min(both)} cannot mean both degraded and not observed")
        return self


async def exec_(ask: Ask) -> Finding:
    """Run the command once and say what it said."""
    subject, module = ask.subject, ask.subject.module
    assert isinstance(module, ExecModule)
    environ = _environ(subject, module)
    start = ask.clock.monotonic()
    ran = await run_command(module.command, environ, timeout_s=module.timeout)
    timings = Timings(total_ms=round((ask.clock.monotonic() - start) * 1000, 4))
    known = [subject.bearer or "", *(environ[name] for name in module.environment)]
    secrets = [value for value in known if len(value) >= SECRET_CHARS_MIN]
    outcome, reason, detail, figures = judged(ran, module)
    return Finding(
        outcome=outcome, reason=reason, detail=_shown(detail, secrets, subject), timings=timings,
        figures=figures, bytes_in=len(ran.stdout),
    )  # fmt: skip


def _environ(subject: Subject, module: ExecModule) -> dict[str, str]:
    """What the command is given: which target it is for, and the named variables; raises when one is not set."""
    missing = [name for name in module.environment if name not in os.environ]
    if missing:
        raise TouchstoneError(f"exec: the agent's environment has no {missing[0]}")
    place = subject.place
    own = {
        "TOUCHSTONE_TARGET": place.id,
        "TOUCHSTONE_URL": place.target.url,
        "TOUCHSTONE_MODEL": place.target.model,
    }
    return own | {name: os.environ[name] for name in module.environment}


def judged(ran: Ran, module: ExecModule) -> tuple[Outcome, Reason | None, str, dict[str, float]]:
    """What a command that ran means: outcome, reason, its own words, and its figures."""
    if ran.overflowed:
        return Outcome.FAILED, Reason.ANSWER_TOO_LARGE, f"more than {STDOUT_BYTES_MAX} bytes on standard output", {}
    if ran.status is None:
        return Outcome.FAILED, Reason.TOTAL_TIMEOUT, f"not ended within {module.timeout:g} s: {_words(ran)}", {}
    outcome = outcome_of(ran.status, module)
    figures, broken = _figures(ran.stdout)
    if outcome in {Outcome.OK, Outcome.DEGRADED} and broken:
        return Outcome.FAILED, Reason.BAD_STREAM, broken, {}
    if outcome is Outcome.OK:
        return outcome, None, "", figures
    ending = f"exit {ran.status}" if ran.status > 0 else f"ended by signal {-ran.status}"
    return outcome, REASONS[outcome], f"{ending}: {_words(ran)}", figures


def outcome_of(status: int, module: ExecModule) -> Outcome:
    """The outcome of an exit status; below zero it is the signal that ended the command."""
    if status == 0:
        return Outcome.OK
    if status in module.degraded_exit:
        return Outcome.DEGRADED
    ours = status in module.not_observed_exit or -status in FROM_OUTSIDE
    return Outcome.NOT_OBSERVED if ours else Outcome.FAILED


def _figures(stdout: bytes) -> tuple[dict[str, float], str]:
    """The figures on standard output, and what is wrong with it; nothing there is no figures."""
    if not stdout.strip():
        return {}, ""
    try:
        value = orjson.loads(stdout)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        return {}, f"standard output is no JSON object: {stdout.decode(errors='replace')}"
    return reported_figures(value), ""


def _words(ran: Ran) -> str:
    """All that it said of itself: standard error, else standard output."""
    return (ran.stderr.strip() or ran.stdout).decode(errors="replace")


def _shown(detail: str, secrets: list[str], subject: Subject) -> str:
    """*detail* without *secrets*; of what is too long, the beginning of ours and the end of the command's words."""
    for secret in secrets:
        detail = detail.replace(secret, "***")  # before anything is cut, or half a secret would be left
    head, separator, words = " ".join(detail.split()).partition(": ")
    room = DETAIL_CHARS_MAX - len(head) - len(separator)
    return detail_of(f"{head}{separator}{words[-room:]}", subject.bearer)

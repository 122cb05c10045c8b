"""exec: real little commands, their exit statuses, output, children and ends."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from probes.attempt import observe
from probes.command import STDERR_BYTES_KEPT, STDOUT_BYTES_MAX, run_command
from probes.kinds.exec import ExecModule
from probes.reported_figures import REPORTED_MAX, reported_figures
from schemas.observation import DETAIL_CHARS_MAX, Observation, Outcome, Reason
from tests.support.subjects import TICK, bench, subject_of

OK, DEGRADED, FAILED, NOT_OBSERVED = Outcome.OK, Outcome.DEGRADED, Outcome.FAILED, Outcome.NOT_OBSERVED


async def seen_of(*command: str, **module: object) -> Observation:
    """The observation of one run."""
    async with bench() as here:
        subject = subject_of("exec", "https://cloud.example/v1", command=command, **({"timeout": "10s"} | module))
        return await observe(here, subject, TICK, 0, 1)


async def shell(script: str, **module: object) -> Observation:
    """The same of a script of the system's shell, which the command names itself."""
    return await seen_of("/bin/sh", "-c", script, **module)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not, and one that was killed is given a moment to be gone."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return False
        except OSError:
            return False
        time.sleep(0.02)
    return True


CASES: dict[str, tuple[str, dict[str, object], Outcome, Reason | None, str]] = {
    "exit 0 and silence": ("exit 0", {}, OK, None, ""),
    "exit 0 with figures": ("echo '{\"gbps\": 371.5}'", {}, OK, None, ""),
    "exit 1": ("echo no link >&2; exit 1", {}, FAILED, Reason.COMMAND_FAILED, "exit 1: no link"),
    "exit 1 with broken output": ("echo half; exit 1", {}, FAILED, Reason.COMMAND_FAILED, "exit 1: half"),
    "another status": ("exit 9", {}, FAILED, Reason.COMMAND_FAILED, "exit 9: "),
    "degraded": ("echo 300 of 400 >&2; exit 76", {}, DEGRADED, Reason.COMMAND_FAILED, "exit 76: 300 of 400"),
    "not observed": ("exit 77", {}, NOT_OBSERVED, Reason.OBSERVER_ERROR, "exit 77: "),
    "statuses of its own": ("exit 1", {"degraded_exit": [1]}, DEGRADED, Reason.COMMAND_FAILED, "exit 1: "),
    "what its shell cannot find": ("no-such-program", {}, NOT_OBSERVED, Reason.OBSERVER_ERROR, "exit 127: "),
    "broken JSON": ("echo '{\"gbps\": '", {}, FAILED, Reason.BAD_STREAM, "standard output is no JSON object: "),
    "JSON that is no object": ("echo 7", {}, FAILED, Reason.BAD_STREAM, "standard output is no JSON object: 7"),
    "degraded with broken JSON": ("echo x; exit 76", {}, FAILED, Reason.BAD_STREAM, "standard output is no JSON"),
    "too late": ("sleep 60", {"timeout": "200ms"}, FAILED, Reason.TOTAL_TIMEOUT, "not ended within 0.2 s"),
    "a crash": ("kill -SEGV $$", {}, FAILED, Reason.COMMAND_FAILED, "ended by signal 11"),
    "killed by somebody": ("kill -KILL $$", {}, NOT_OBSERVED, Reason.OBSERVER_ERROR, "ended by signal 9"),
    "endless output": ("yes", {}, FAILED, Reason.ANSWER_TOO_LARGE, f"more than {STDOUT_BYTES_MAX} bytes"),
}


@pytest.mark.parametrize("name", CASES)
async def test_each_end_of_a_command_has_its_name(name: str) -> None:
    """By its exit status, its output and its time."""
    script, module, outcome, reason, words = CASES[name]
    begun = time.monotonic()
    seen = await shell(script, **module)

    assert (seen.outcome, seen.reason) == (outcome, reason), seen.detail
    assert seen.detail.startswith(words.strip()), seen.detail
    assert seen.timings.total_ms is not None and seen.timings.total_ms > 0
    assert time.monotonic() - begun < 30  # nothing waits for the sleep of a minute


async def test_numbers_become_figures_and_nothing_else_does() -> None:
    """Of whatever outcome, as long as something was seen."""
    script = """echo '{"gbps": 371.5, "errors": 0, "fine": true, "name": "x", "list": [1], "1st": 1, "huge": 1e15}'"""
    good = await shell(script)
    bad = await shell(f"{script}; exit 1")

    assert dict(good.figures) == dict(bad.figures) == {"gbps": 371.5, "errors": 0}
    assert good.bytes_in == 93


def test_no_more_figures_than_a_row_can_hold() -> None:
    """The first of them."""
    found = reported_figures({f"f{number}": number for number in range(200)})

    assert list(found.items()) == [(f"f{number}", number) for number in range(REPORTED_MAX)]


async def test_a_command_that_cannot_be_started_is_our_own_fault(tmp_path: Path) -> None:
    """No such file, no permission, and a variable that the agent does not have."""
    lost = await seen_of(str(tmp_path / "none"))
    closed = await seen_of(str(tmp_path))
    unset = await seen_of("true", environment=["NO_SUCH_VARIABLE"])

    for seen in (lost, closed, unset):
        assert (seen.outcome, seen.reason) == (NOT_OBSERVED, Reason.OBSERVER_ERROR)
    assert "cannot be started: No such file" in lost.detail
    assert "cannot be started: Permission denied" in closed.detail
    assert "no NO_SUCH_VARIABLE" in unset.detail


async def test_the_environment_is_what_is_named_and_which_target_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the agent's own, such as other keys."""
    monkeypatch.setenv("NAMED", "seen")
    monkeypatch.setenv("OTHER_KEY", "not-for-you")
    seen = await seen_of("/usr/bin/env", environment=["NAMED"], degraded_exit=[1])

    assert seen.reason is Reason.BAD_STREAM  # what env prints is shown, as no JSON
    given = dict(pair.split("=", 1) for pair in seen.detail.partition(": ")[2].split())
    assert given == {
        "TOUCHSTONE_TARGET": "acme/east/it", "TOUCHSTONE_URL": "https://cloud.example/v1", "TOUCHSTONE_MODEL": "m/1",
        "NAMED": "***",
    }  # fmt: skip


async def test_no_shell_reads_the_arguments() -> None:
    """They arrive as they are written."""
    seen = await seen_of("/bin/echo", "$HOME; exit 1", "*")

    assert seen.detail == "standard output is no JSON object: $HOME; exit 1 *"


async def test_a_secret_is_blotted_out_even_where_the_detail_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over several lines, and at the edge of what is kept."""
    secret = "first line\nsecond 'line' of it"
    monkeypatch.setenv("SECRET", secret)
    script = 'printf "%s" "$SECRET" >&2; printf "%0{0}d" 0 >&2; exit 1'
    for padding in range(DETAIL_CHARS_MAX - 40, DETAIL_CHARS_MAX):
        shown = (await shell(script.format(padding), environment=["SECRET"])).detail
        assert len(shown) <= DETAIL_CHARS_MAX
        assert not any(word in shown for word in ("first", "second", "line", "of it"))


async def test_output_is_bounded_in_memory_and_the_last_words_are_kept() -> None:
    """Megabytes on standard error, then the reason."""
    ran = await run_command(
        ["/bin/sh", "-c", "head -c 5000000 /dev/zero >&2; echo the reason >&2; exit 1"], {}, timeout_s=10
    )

    assert len(ran.stderr) == STDERR_BYTES_KEPT
    assert ran.stderr.endswith(b"the reason\n")
    assert (ran.status, ran.stdout) == (1, b"")


async def test_at_the_timeout_the_whole_group_is_ended_even_what_ignores_sigterm(tmp_path: Path) -> None:
    """A child that ignores SIGTERM, and its own child, which inherits that."""
    file = tmp_path / "pids"
    script = f"trap '' TERM; sleep 300 & echo $$ $! > {file}; wait"
    seen = await shell(script, timeout="300ms")
    pids = [int(word) for word in file.read_text().split()]

    assert seen.reason is Reason.TOTAL_TIMEOUT
    assert [alive(pid) for pid in pids] == [False, False]


async def test_a_command_that_heeds_sigterm_can_say_why() -> None:
    """Two seconds are left to it."""
    seen = await shell("trap 'echo stopped at layer 3 >&2; exit 1' TERM; sleep 60 & wait", timeout="2s")

    assert (seen.outcome, seen.reason) == (FAILED, Reason.TOTAL_TIMEOUT)
    assert seen.detail == "not ended within 2 s: stopped at layer 3"


async def test_what_is_left_behind_is_ended_with_the_command(tmp_path: Path) -> None:
    """A background child that holds the output open neither delays the finding nor lives on."""
    file = tmp_path / "pid"
    begun = time.monotonic()
    seen = await shell(f"sleep 300 & echo $! > {file}; echo '{{\"a\": 1}}'")

    assert (seen.outcome, dict(seen.figures)) == (OK, {"a": 1})
    assert time.monotonic() - begun < 60
    assert not alive(int(file.read_text()))


async def test_a_process_that_left_the_group_does_not_hold_the_probe_up() -> None:
    """It is beyond our reach, but its open pipe is given up after a moment."""
    begun = time.monotonic()
    seen = await shell("setsid sleep 30 & echo '{\"a\": 1}'")

    assert (seen.outcome, dict(seen.figures)) == (OK, {"a": 1})
    assert time.monotonic() - begun < 25


async def test_a_cancelled_probe_leaves_nothing_running(tmp_path: Path) -> None:
    """The agent ends while a command runs."""
    file = tmp_path / "pid"
    task = asyncio.create_task(shell(f"echo $$ > {file}; exec sleep 300"))
    while not (file.exists() and file.read_text().strip()):  # noqa: ASYNC110 (another process writes it)
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not alive(int(file.read_text()))


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ({"command": []}, "at least 1 item"),
        ({"command": ["a\0b"]}, "match pattern"),
        ({"command": ["true"], "environment": ["A=b"]}, "match pattern"),
        ({"command": ["true"], "degraded_exit": [3], "not_observed_exit": [3]}, "exit 3 cannot mean both"),
        ({"command": ["true"], "degraded_exit": [0]}, "greater than or equal to 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_start(module: dict[str, object], words: str) -> None:
    """Not at the first tick."""
    with pytest.raises(ValidationError, match=words):
        ExecModule.model_validate({"kind": "exec"} | module)


async def test_many_commands_at_once_leave_no_descriptor_open() -> None:
    """Twenty, each with its pipes closed again."""
    await asyncio.gather(*(shell("echo '{}'") for _ in range(20)))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (counted, not read)
    await asyncio.gather(*(shell("echo '{}'") for _ in range(20)))

    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208

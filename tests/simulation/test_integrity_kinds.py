"""The probes that feed the integrity checks, against simulated clouds: honest ones, and such as deviate."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from math import exp
from statistics import mean
from typing import Any

import pytest
from pydantic import SecretStr

from collector.judgement.integrity.logprobs import logprobs
from probes.attempt import observe
from probes.border_search import search
from probes.budget import spent
from probes.connection import Connections
from probes.contract import Subject
from probes.kinds.cache_timing import HIT, MISS, arm_of
from probes.prompt_set import border_input_of, prompts_of
from schemas.evidence import Standing
from schemas.fleet import Auth
from schemas.observation import Observation, Outcome, Reason
from schemas.probe_kinds import INTEGRITY_KINDS
from schemas.sample import KeptSample, Sample
from schemas.tick import observation_id
from simulator.cloud import Cluster
from simulator.deviation import CACHED_TTFT, HONEST, Deviation
from simulator.geography import REGIONS, round_trip_s
from simulator.language import MODEL as LARGE
from simulator.language import SMALLER, on_border
from simulator.sky import HOST, Listener
from simulator.world import MODEL, World
from tests.simulation.live_clouds import HastyClock
from tests.support.subjects import bench, subject_of

WORLD = World.of()
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECRET = "a secret that nobody knows"
FRANKFURT = (50.11, 8.68)
SET = {"set": "test", "prompts": 5}


class NotingClock(HastyClock):
    """A hasty clock that notes how long it was asked to wait."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self.waits: list[float] = []

    def turn_to(self, now: datetime) -> None:
        """Go on from *now*."""
        self._offset += now - self.now()

    async def sleep(self, seconds: float) -> None:
        """Note it, and let others run."""
        self.waits.append(seconds)
        await super().sleep(0)


@asynccontextmanager
async def cluster(
    deviation: Deviation = HONEST,
    *,
    day: float = 0.01,
    vantage: Any = None,
    noted: list[float] | None = None,
    clock: NotingClock | None = None,
    **changes: Any,
) -> AsyncIterator[str]:
    """One cluster of a gold cloud without noise, *day* into the simulation; its URL."""
    gold = next(cloud for cloud in WORLD.clouds if cloud.personality.name == "gold")
    calm = {"down_share": 0.0, "single_share": 0.0, "slow_share": 0.0, "deviation": deviation}
    cloud = replace(gold, personality=replace(gold.personality, **calm | changes))
    clock = clock or NotingClock(NOON)
    if noted is not None:
        clock.waits = noted
    start = clock.now() - timedelta(days=day)
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    site = Cluster(WORLD, cloud, cloud.clusters[0], start=start, clock=clock, vantage=vantage)
    listener = Listener(site, port, None)
    await listener.open()
    try:
        yield f"http://{HOST}:{port}/v1"
    finally:
        await listener.close()


def subject(kind: str, url: str, **module: Any) -> Subject:
    """A subject of *kind* that has the secret and the key of the world."""
    plain = subject_of(kind, url, model=MODEL, auth=Auth(bearer=SecretStr(WORLD.key)), **{"timeout": "10s"} | module)
    return replace(plain, secret=SecretStr(SECRET))


async def seen(kind: str, url: str, n: int, **module: Any) -> list[Observation]:
    """*n* ticks in a row of the subject's own grid."""
    asked, found, tick = subject(kind, url, **module), [], NOON
    async with bench() as here:
        for _ in range(n):
            tick = asked.grid.after(tick)
            found.append(await observe(here, asked, tick, 0, 1))
    return found


async def samples(kind: str, url: str, n: int, **module: Any) -> list[Sample]:
    """The one sample that each of *n* ticks left; all of them ok."""
    found = await seen(kind, url, n, **module)
    assert [one.outcome for one in found] == [Outcome.OK] * n, [one.detail for one in found]
    assert all(len(one.samples) == 1 for one in found)
    return [one.samples[0] for one in found]


def alike(ours: Sequence[Sample], theirs: Sequence[Sample]) -> float:
    """The mean share of the first fifty characters that are the same, over answers to the same prompt."""
    shares = [
        sum(x == y for x, y in zip(a.text[:50], b.text[:50], strict=True)) / 50
        for a, b in product(ours, theirs)
        if a.item == b.item and a.text != b.text  # the same request of the same seed
    ]
    return sum(shares) / len(shares)


async def test_every_integrity_kind_is_answered_by_an_honest_cloud_and_leaves_its_sample() -> None:
    """In the series that the checks read."""
    settings: dict[str, dict[str, Any]] = {
        "identity_sample": SET, "repeat_prompt": SET, "border_input": {"set": "test", "inputs": (0,)},
        "logprob_sample": {"set": "test", "top_logprobs": 1}, "echo_challenge": {},
        "cache_timing": {"gap": "1ms", "prompt_tokens": 100}, "place_timing": {},
    }  # fmt: skip
    async with cluster() as url:
        series = {kind: (await samples(kind, url, 1, **module))[0].series for kind, module in settings.items()}

    assert series == {
        "identity_sample": "identity", "repeat_prompt": "repeat", "border_input": "border",
        "logprob_sample": "logprob", "echo_challenge": "echo", "cache_timing": "cache", "place_timing": "place",
    }  # fmt: skip
    assert set(series) == INTEGRITY_KINDS


async def test_identity_asks_every_prompt_in_turn_and_answers_are_drawn_anew() -> None:
    """Two rounds of five prompts; no two answers alike; billed tokens beside the text."""
    async with cluster() as url:
        first, second = (
            await samples("identity_sample", url, 10, **SET),
            await samples("identity_sample", url, 10, **SET),
        )

    assert Counter(one.item for one in first) == {f"test:{number:03}": 2 for number in range(5)}
    assert [one.item for one in first] == [one.item for one in second]
    assert len({one.text for one in (*first, *second)}) == 20
    assert {one.value for one in first} == {75.0}
    assert all(len(one.text.split()) == 75 for one in first)


async def test_a_diluted_and_a_swapped_model_answer_otherwise_and_an_honest_one_does_not() -> None:
    """By the first fifty characters, prompt for prompt."""
    many = {"set": "test", "prompts": 5}
    async with cluster() as url:
        reference, honest = [await samples("identity_sample", url, 60, **many) for _ in range(2)]
    async with cluster(Deviation(diluted_share=1.0)) as url:
        diluted = await samples("identity_sample", url, 60, **many)
    async with cluster(Deviation(swapped_on_day=3), day=2.9) as url:
        before = await samples("identity_sample", url, 60, **many)
    async with cluster(Deviation(swapped_on_day=3), day=3.1) as url:
        after = await samples("identity_sample", url, 60, **many)

    usual = alike(reference, reference)
    assert abs(alike(reference, honest) - usual) < 0.03
    assert abs(alike(reference, before) - usual) < 0.03
    assert alike(reference, diluted) < usual - 0.06
    assert alike(reference, after) < usual - 0.06


async def test_repeated_prompts_are_one_a_day_and_only_canned_answers_are_the_same() -> None:
    """The whole answer counts; a short one has no hash."""
    async with cluster() as url:
        honest = await samples("repeat_prompt", url, 5, **SET, interval="2h")
        (short,) = await samples("repeat_prompt", url, 1, **SET, max_tokens_min=8, max_tokens=50, interval="2h")
    async with cluster(Deviation(canned_share=1.0)) as url:
        canned = await samples("repeat_prompt", url, 5, **SET, interval="2h")

    assert len({one.item for one in honest}) == 1
    assert len({one.text for one in honest}) == 5
    assert len({(one.item, one.text) for one in canned}) == 1
    assert len(canned[0].text) == 16
    assert (short.text, short.value > 0) == ("", True)


async def test_an_echo_is_right_from_a_model_and_wrong_from_a_recording() -> None:
    """Degraded, with the sample that says so."""
    async with cluster() as url:
        honest = await samples("echo_challenge", url, 5)
    async with cluster(canned=True) as url:
        (recorded,) = await seen("echo_challenge", url, 1)

    assert [one.value for one in honest] == [1.0] * 5
    assert len({one.item for one in honest}) == 5
    assert all(one.text.startswith(one.item) for one in honest)
    assert (recorded.outcome, recorded.reason) == (Outcome.DEGRADED, Reason.WRONG_CONTENT)
    assert recorded.samples[0].value == 0.0


async def test_the_search_finds_border_inputs_and_a_swap_tips_them() -> None:
    """Those that the simulated model has, most of them, and no other."""
    truth = {i for i in range(400) if on_border(WORLD.seed, LARGE, border_input_of(SECRET.encode(), "test", i))}
    async with cluster() as url, Connections() as connections:
        asked = subject("border_input", url, set="test", inputs=(0,))
        found = await search(asked, 400, 5, 8, connections=connections, clock=HastyClock(NOON))
        inputs = tuple(one.index for one in found if one.on_border)
        before = await samples("border_input", url, 5 * len(inputs), set="test", inputs=inputs)
    async with cluster(Deviation(swapped_on_day=0)) as url:
        after = await samples("border_input", url, 5 * len(inputs), set="test", inputs=inputs)

    assert set(inputs) <= truth
    assert len(inputs) >= len(truth) // 2 > 1
    assert sum(one.failed for one in found) == 0
    turns = Counter(one.item for one in before)
    assert set(turns) == {f"test:{index:03}" for index in inputs}
    assert set(turns.values()) <= {4, 5, 6}  # rounds that were begun before count on both sides
    answers = [{(one.item, one.text) for one in ones} for ones in (before, after)]
    assert len(answers[0]) > len(inputs)
    assert answers[0] != answers[1]
    assert SMALLER != LARGE


async def told(url: str, n: int, **module: Any) -> list[dict[str, float]]:
    """Of the first prompt of a set, the logprobs that each of *n* ticks kept."""
    found = await seen("logprob_sample", url, n, set="test", prompts=1, **module)
    assert {one.outcome for one in found} == {Outcome.OK}, [one.detail for one in found]
    return [{sample.text: sample.value for sample in one.samples} for one in found]


def apart(a: dict[str, float], b: dict[str, float]) -> float:
    """How far the logprobs of words in both lists are apart, in the mean."""
    return mean(abs(a[word] - b[word]) for word in a.keys() & b.keys())


async def test_logprobs_are_the_models_own_but_for_a_little_noise_and_a_swap_moves_them() -> None:
    """Twenty of the first token, of a distribution, also where sixteen tokens must be asked for."""
    async with cluster() as url:
        first, second = await told(url, 2)
        (longer,) = await told(url, 1, max_tokens=16)
        (fewer,) = await told(url, 1, top_logprobs=5)
    async with cluster(Deviation(batch_noise=0.5)) as url:
        (noisy,) = await told(url, 1)
    async with cluster(Deviation(swapped_on_day=0)) as url:
        (other,) = await told(url, 1)

    assert (len(first), len(longer), len(fewer)) == (20, 20, 5)
    assert 0.9 < sum(exp(one) for one in first.values()) <= 1
    assert 0 < apart(first, second) < 0.05
    assert apart(first, longer) < 0.05
    assert 0.1 < apart(first, noisy) < 0.5
    assert len(first.keys() & other.keys()) < 15 or apart(first, other) > 0.1


async def test_a_quiet_swap_is_dated_by_the_logprobs_that_a_probe_keeps() -> None:
    """A real probe asks for 33 days, four times a day; the model is another one from the thirtieth on."""
    clock, kept, tick = NotingClock(NOON), [], NOON
    async with cluster(Deviation(swapped_on_day=29.5, batch_noise=0.1), day=0.5, clock=clock) as url, bench() as here:
        asked = subject("logprob_sample", url, set="test")
        while (tick := asked.grid.after(tick)) < NOON + timedelta(days=33):
            clock.turn_to(tick)
            found = await observe(here, asked, tick, 0, 1)
            assert found.outcome is Outcome.OK, found.detail
            kept += [
                KeptSample(tick, "acme", "acme/east", found.target, "here", one.series, one.item, one.value, one.text)
                for one in found.samples
            ]
    evidence = logprobs("acme/east/it", kept)

    assert (evidence.standing, evidence.reason) == (Standing.NOTICED, "changed")
    assert evidence.said.endswith(f": since {(NOON + timedelta(days=29)).date()}")


async def test_an_endpoint_that_offers_no_logprobs_is_kept_as_such() -> None:
    """Whether it refuses them or leaves them out; a refusal of something else is only a failure."""
    async with cluster(Deviation(offers_logprobs=False)) as url:
        (refused,) = await seen("logprob_sample", url, 1, set="test")
    async with cluster(canned=True) as url:
        (left_out,) = await seen("logprob_sample", url, 1, set="test")

    words = "HTTP 400: invalid_request_error: 400: logprobs are not supported"
    (item,) = {one.item for one in (*refused.samples, *left_out.samples)}
    assert (refused.outcome, refused.reason) == (Outcome.FAILED, Reason.BAD_REQUEST)
    assert refused.samples == (Sample("logprob_not_offered", item, 400.0, words),)
    assert (left_out.outcome, left_out.samples) == (Outcome.OK, (Sample("logprob_not_offered", item, 200.0),))


async def test_a_cached_prompt_is_answered_sooner_whether_the_usage_tells_or_not() -> None:
    """Both arms come, each of two requests; only the second request of a hit is answered from the cache."""
    module = {"gap": "1ms", "prompt_tokens": 100, "interval": "60s"}
    told: dict[bool, list[Sample]] = {}
    waits: list[float] = []
    for tells in (True, False):
        async with cluster(Deviation(prefix_cache=True, tells_cached=tells), noted=waits, ttft_ms=100.0) as url:
            told[tells] = await samples("cache_timing", url, 12, **module)
    async with cluster() as url:
        honest = await samples("cache_timing", url, 12, **module)

    arms = Counter(one.item for one in told[True])
    assert set(arms) == {HIT, MISS}
    assert {one.text == "0" for one in told[True] if one.item == MISS} == {True}
    assert all(int(one.text) > 20 for one in told[True] if one.item == HIT)
    assert {one.text for one in (*told[False], *honest)} == {""}
    assert sum(wait < 0.125 * CACHED_TTFT + 1e-9 for wait in waits if wait > 0.01) == 2 * arms[HIT]
    assert sum(wait >= 0.085 for wait in waits) == 24 + 2 * arms[MISS]


def test_arms_are_as_often_one_as_the_other() -> None:
    """By the nonce, which is drawn for each tick."""
    nonces = [
        observation_id(target="t", vantage="v", kind="cache_timing", tick=NOON + timedelta(hours=n), attempt=0).hex[:16]
        for n in range(1000)
    ]
    assert 440 <= sum(arm_of(nonce) == HIT for nonce in nonces) <= 560


async def test_what_a_tick_cost_is_told_whole() -> None:
    """The bill of the first request stands among the figures, in both arms."""
    async with cluster() as url:
        found = await seen("cache_timing", url, 8, gap="1ms", prompt_tokens=100, interval="60s")

        asked = subject("cache_timing", url, gap="1ms", prompt_tokens=100)

    for one in found:
        first = one.figures["first_billed_in"] + one.figures["first_billed_out"]
        second = (one.tokens.billed_in or 0) + (one.tokens.billed_out or 0)
        if one.samples[0].item == HIT:
            assert first == second
        assert spent(asked, one).tokens == first + second
    assert len({one.samples[0].item for one in found}) == 2


async def test_the_time_to_a_place_is_that_of_where_the_cluster_stands() -> None:
    """An honest one's as far as its claim, a liar's as far as its true site, whatever it claims."""
    claimed = next(cloud for cloud in WORLD.clouds if cloud.personality.name == "gold").sites[0].region
    away = next(region for region in REGIONS if region != claimed)
    waited = {}
    for deviation, region in ((HONEST, claimed), (Deviation(region=away), away)):
        waits: list[float] = []
        async with cluster(deviation, vantage=FRANKFURT, noted=waits, ttft_ms=10.0) as url:
            (sample,) = await samples("place_timing", url, 1)
        waited[region] = max(waits)
        assert sample.value > 0
        assert 0 <= max(waits) - round_trip_s(FRANKFURT, REGIONS[region]) < 0.02
    assert waited[claimed] != waited[away]


async def test_the_other_knobs_do_what_they_say() -> None:
    """Hidden minimum, template, space, speed; and what an honest cloud does beside each."""
    waits: list[float] = []
    lies = Deviation(billed_min=40, leading_space=True, template_tokens=7, template_on_day=2, gap_ms=0.5)
    async with cluster() as url:
        (honest,) = await seen("identity_sample", url, 1, **SET, max_tokens=20)
    async with cluster(lies, noted=waits) as url:
        (early,) = await seen("identity_sample", url, 1, **SET, max_tokens=20)
    async with cluster(lies, day=2.5) as url:
        (late,) = await seen("identity_sample", url, 1, **SET, max_tokens=20)

    assert (honest.tokens.billed_out, early.tokens.billed_out) == (20, 40)
    assert honest.tokens.billed_in == early.tokens.billed_in
    assert late.tokens.billed_in == (early.tokens.billed_in or 0) + 7
    assert not honest.samples[0].text.startswith(" ")
    assert early.samples[0].text.startswith(" ")
    assert Counter(waits)[0.0005] == 19


@pytest.mark.parametrize("kind", ["tool_call", "json_mode"])
async def test_calls_and_json_are_of_the_schema_unless_the_cloud_is_sloppy(kind: str) -> None:
    """All of an honest one, none of one that is always sloppy, some of another."""
    invalid = {}
    for share in (0.0, 0.4, 1.0):
        async with cluster(Deviation(sloppy_share=share)) as url:
            found = await seen(kind, url, 20)
        assert {one.outcome for one in found} <= {Outcome.OK, Outcome.DEGRADED}, [one.detail for one in found]
        assert {one.reason for one in found} <= {None, Reason.SCHEMA_MISMATCH}
        invalid[share] = sum(one.reason is not None for one in found)

    assert invalid[0.0] == 0
    assert 1 <= invalid[0.4] <= 16
    assert invalid[1.0] == 20


async def test_without_a_secret_it_is_our_error_and_is_never_charged() -> None:
    """And the secret itself is in nothing that an observation says."""
    async with cluster() as url, bench() as here:
        bare = replace(subject("identity_sample", url, **SET), secret=None)
        unasked = await observe(here, bare, NOON, 0, 1)
        asked = await observe(here, subject("identity_sample", url, **SET), NOON, 0, 1)

    assert (unasked.outcome, unasked.reason) == (Outcome.NOT_OBSERVED, Reason.OBSERVER_ERROR)
    assert SECRET not in repr(asked)


def test_prompts_hold_nothing_by_which_a_probe_is_known() -> None:
    """The simulated clouds know a probe by its nonce, as anybody would."""
    assert not any("nonce" in prompt or "code" in prompt.lower() for prompt in prompts_of(SECRET.encode(), "test", 200))

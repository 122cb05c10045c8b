"""A simulated cluster answers like an OpenAI-compatible engine, over real sockets."""

from __future__ import annotations

import re
import shutil
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from probes.engine_series import NAMES, figures_of
from probes.exposition import read_page
from simulator.personality import Personality
from simulator.sky import port_of, tls_cluster
from simulator.world import MODEL, Cloud, World
from tests.simulation.live_clouds import HastyClock, live

WORLD = World.of()
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REQUESTS = 1500


def cloud_that_is(name: str) -> Cloud:
    """The first cloud with the personality *name*."""
    return next(cloud for cloud in WORLD.clouds if cloud.personality.name == name)


def prompt(number: int, words: int = 12) -> str:
    """What a probe asks."""
    return f"nonce={number:016x}. Begin your answer with the nonce, then write about maps in {words} words."


def question(number: int, words: int = 12, **changes: Any) -> dict[str, Any]:
    """A probe's request body."""
    return {
        "model": MODEL,
        "messages": [{"role": "user", "content": prompt(number, words)}],
        "max_tokens": words,
        "stream": True,
        "stream_options": {"include_usage": True},
    } | changes


class Caller:
    """One keep-alive client of one cluster."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session, self.url = session, url

    async def events(self, body: dict[str, Any]) -> list[str]:
        """The data of every event of a streamed answer."""
        async with self.session.post(f"{self.url}/v1/chat/completions", json=body) as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == "text/event-stream"
            text = (await response.read()).decode()
        assert text.endswith("\n\n")
        return [event.removeprefix("data: ") for event in text.split("\n\n")[:-1]]

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text."""
        async with self.session.get(self.url + path) as response:
            return response.status, await response.text()


@asynccontextmanager
async def calling(
    cloud: Cloud, *, key: str = WORLD.key, at: datetime = NOON, elapsed_s: float = 1000.0
) -> AsyncIterator[Caller]:
    """A caller of the first cluster of *cloud*, long after the script, at an hour of one's choosing."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        live(WORLD, clock=HastyClock(at), elapsed_s=elapsed_s) as port,
        aiohttp.ClientSession(headers=headers) as session,
    ):
        yield Caller(session, f"http://127.0.0.1:{port_of(WORLD, f'{cloud.id}/{cloud.clusters[0]}', port)}")


def words_of(events: list[str]) -> list[str]:
    """The content of each event that has some."""
    deltas = [orjson.loads(event)["choices"][0]["delta"] for event in events if event != "[DONE]" and "delta" in event]
    return [delta["content"] for delta in deltas if delta.get("content")]


async def test_an_honest_cloud_streams_one_chunk_a_word_nonce_first_then_finish_usage_and_end_marker() -> None:
    """Exactly what a probe of ours counts on."""
    async with calling(cloud_that_is("gold")) as caller:
        events = await caller.events(question(1, 12))

    first, *content, finish, usage, done = events
    words = words_of(events)
    assert orjson.loads(first)["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert len(content) == 12
    assert words[0] == f"{1:016x}"
    assert len("".join(words).split()) == 12
    assert orjson.loads(finish)["choices"][0]["finish_reason"] == "length"
    assert orjson.loads(usage)["usage"] == {"prompt_tokens": 14, "completion_tokens": 12, "total_tokens": 26}
    assert done == "[DONE]"


async def test_the_same_prompt_gets_the_same_words_and_another_prompt_gets_others() -> None:
    """Answers derive from seed and prompt."""
    async with calling(cloud_that_is("gold")) as caller:
        first, again, other = [words_of(await caller.events(question(number, 24))) for number in (1, 1, 2)]

    assert first == again
    assert first[1:] != other[1:]


async def test_usage_is_only_told_when_it_is_asked_for() -> None:
    """As stream_options say."""
    async with calling(cloud_that_is("gold")) as caller:
        events = await caller.events(question(1, stream_options=None))

    assert [event for event in events if "usage" in event] == []


async def test_without_stream_the_answer_comes_as_one_document() -> None:
    """The other half of the interface."""
    async with (
        calling(cloud_that_is("gold")) as caller,
        caller.session.post(f"{caller.url}/v1/chat/completions", json=question(1, stream=False)) as response,
    ):
        body = await response.json()

    assert body["choices"][0]["message"]["content"].split()[0] == f"{1:016x}"
    assert body["usage"]["completion_tokens"] == len(body["choices"][0]["message"]["content"].split()) == 12


@pytest.mark.parametrize(
    ("change", "status"),
    [({"model": "another"}, 404), ({"messages": []}, 400), ({"messages": None}, 400), ({"max_tokens": "many"}, 400)],
)
async def test_a_request_that_makes_no_sense_is_refused(change: dict[str, Any], status: int) -> None:
    """With an error object, not a crash."""
    async with (
        calling(cloud_that_is("gold")) as caller,
        caller.session.post(f"{caller.url}/v1/chat/completions", json=question(1) | change) as response,
    ):
        assert (response.status, (await response.json())["error"]["code"]) == (status, status)


async def test_a_stranger_is_sent_away() -> None:
    """The key of the world, or 401."""
    async with calling(cloud_that_is("gold"), key="sim-guessed") as caller:
        status, _ = await caller.get("/v1/models")
        async with caller.session.post(f"{caller.url}/v1/chat/completions", json=question(1)) as response:
            assert (status, response.status) == (401, 401)


async def test_models_health_and_the_engines_own_metrics_are_served() -> None:
    """Under vLLM's names, counting what was really answered; what else the engine is busy with shows in its gauges."""
    async with calling(cloud_that_is("gold")) as caller:
        await caller.events(question(1, 12))
        models, health, metrics = [await caller.get(path) for path in ("/v1/models", "/health", "/metrics")]

    label = f'model_name="{MODEL}"'
    assert orjson.loads(models[1])["data"][0]["id"] == MODEL
    assert health == (200, "")
    figures = figures_of(read_page(metrics[1].encode(), NAMES).samples)
    assert figures["running"] > 100 and 0.3 < figures["kv_cache_share"] < 1
    assert figures["gpus"] in {56, 64, 120, 128, 184, 192, 248, 256}
    for line in (
        f'vllm:request_success_total{{{label},finished_reason="length"}} 1',
        f"vllm:generation_tokens_total{{{label}}} 12",
        f"vllm:time_to_first_token_seconds_count{{{label}}} 1",
    ):
        assert line in metrics[1].splitlines()


def names_in(folder: Path) -> list[str]:
    """What is left in *folder*."""
    return sorted(file.name for file in folder.iterdir())


async def test_one_cluster_speaks_tls_under_an_authority_made_for_it(tmp_path: Path) -> None:
    """Verified, never switched off."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl program on this machine")
    async with live(WORLD, ca_dir=tmp_path) as port, aiohttp.ClientSession() as session:
        trust = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        url = f"https://127.0.0.1:{port_of(WORLD, tls_cluster(WORLD), port)}/health"
        async with session.get(url, ssl=trust) as response:
            assert response.status == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(url)

    assert names_in(tmp_path) == ["ca.pem", "server.key", "server.pem"]


async def test_the_inflating_cloud_bills_six_percent_more_words_than_it_sends() -> None:
    """In the long run, whatever the length."""
    sent = billed = 0
    async with calling(cloud_that_is("inflating")) as caller:
        for number in range(400):
            body = question(number, 8 + number % 17, stream=False)
            async with caller.session.post(f"{caller.url}/v1/chat/completions", json=body) as response:
                if response.status == 200:
                    answer = await response.json()
                    sent += len(answer["choices"][0]["message"]["content"].split())
                    billed += answer["usage"]["completion_tokens"]

    assert billed / sent == pytest.approx(1.06, abs=0.006)


async def test_the_canned_cloud_says_the_same_to_everybody_but_for_the_nonce() -> None:
    """A recording that even a short limit does not cut."""
    async with calling(cloud_that_is("canned")) as caller:
        heard = [words_of(await caller.events(question(number, 8 + number % 17))) for number in range(20)]

    assert [words[0] for words in heard] == [f"{number:016x}" for number in range(20)]
    assert len({tuple(words[1:]) for words in heard}) == 1


async def statuses(personality: Personality, at: datetime) -> list[int]:
    """What REQUESTS different requests to one cluster got: a status, or 0 for an answer that broke off."""
    cloud = cloud_that_is(personality.name)
    found = []
    async with calling(cloud, at=at) as caller:
        for number in range(REQUESTS):
            try:
                async with caller.session.post(
                    f"{caller.url}/v1/chat/completions", json=question(number, 4)
                ) as response:
                    whole = b"[DONE]" in await response.read()
                    found.append(response.status if whole or response.status != 200 else 0)
            except aiohttp.ClientError:
                found.append(0)
    return found


async def test_the_two_faced_cloud_fails_traffic_more_often_and_probes_as_ever() -> None:
    """It knows a probe by the nonce of its prompt."""
    cloud, found = cloud_that_is("two_faced"), dict[str, int]()
    async with calling(cloud) as caller:
        for who, words in (("probe", "nonce={:016x}. Say something."), ("traffic", "Customer {} asks: say something.")):
            failed = 0
            for number in range(1000):
                body = question(number, 4) | {"messages": [{"role": "user", "content": words.format(number)}]}
                try:
                    async with caller.session.post(f"{caller.url}/v1/chat/completions", json=body) as response:
                        failed += b"[DONE]" not in await response.read()
                except aiohttp.ClientError:
                    failed += 1
            found[who] = failed

    assert found["probe"] <= 10
    assert 15 <= found["traffic"] <= 55


@pytest.mark.parametrize("name", sorted({cloud.personality.name for cloud in WORLD.clouds}))
async def test_noise_never_fails_two_requests_in_a_row(name: str) -> None:
    """So the two re-probes after a failure always find the target well, and noise is never paged."""
    personality = cloud_that_is(name).personality
    hour = personality.peak.from_hour if personality.peak else 12

    found = await statuses(personality, NOON.replace(hour=hour))

    runs = re.findall("f+", "".join("." if status == 200 else "f" for status in found))
    assert max(map(len, runs), default=0) <= 1
    if personality.peak:
        assert Counter(found)[429] > REQUESTS * personality.peak.refused_share / 2

"""A reference is captured at a real server into a real store, goes on where it broke off, and its change is found."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from collector.ingest import Ingest
from collector.storage.clickhouse import ClickHouse
from collector.storage.rows import key_of
from probes.prompt_set import commitment_of, prompts_of
from probes.reference import asking
from schemas.config import Store
from schemas.errors import TouchstoneError
from schemas.observation import Observation
from schemas.reference import SERIES, Reference, Terms, digest_of, references_of
from tests.support.bad_server import DONE, END, FINISH, STREAM_HEAD, USAGE, bad_server, plain, token
from tests.support.batches import body_of_batch
from tests.support.processes import touchstone
from tests.support.subjects import bench, subject_of
from touchstone.collecting import StoreWriter
from touchstone.reference_capture import REQUESTS_MAX, Capturing, Wish, planned
from touchstone.system_clock import SystemClock

SECRET = b"a-secret-of-sixteen-or-more"
FAR = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass
class Model:
    """An own deployment: says something else each time, and is ill from the *well*th request on."""

    well: int = 10**9
    asked: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter, request: dict[str, Any]) -> None:
        """One request."""
        self.requests.append(request)
        self.asked.append(request["messages"][0]["content"])
        if len(self.asked) > self.well:
            writer.write(plain("500 Internal Server Error", b'{"error": {"message": "out of memory"}}'))
        else:
            said = token(f"Tale {len(self.asked)}: ") + token("once upon a time" * 100)
            writer.write(STREAM_HEAD + said + FINISH + USAGE + DONE + END)
        await writer.drain()


@asynccontextmanager
async def collecting(store: Store) -> AsyncIterator[tuple[ClickHouse, Ingest]]:
    """An open store with the collector's way in."""

    async def decided(_: Sequence[Observation]) -> None:
        return None

    house = await ClickHouse.connect(store, clock=SystemClock())
    yield house, Ingest(StoreWriter(house), key_of, decided, SystemClock(), bytes_max=2**24, spans_max=10_000)
    await house.close()


async def references(house: ClickHouse) -> tuple[Reference, ...]:
    """What the store serves."""
    return references_of((await house.samples(SERIES, datetime(1970, 1, 1, tzinfo=UTC), FAR, FAR)).samples)


async def run(house: ClickHouse, ingest: Ingest, url: str, *, samples: int = 3) -> tuple[str, list[int]]:
    """Capture five prompts; the digest, and how far it said it was."""
    place = subject_of("chat_stream", url, model="ours-70b").place
    wish = Wish(place, "spring", prompts=5, samples=samples, at_once=3)
    capture, before = planned(wish, SECRET, await references(house), SystemClock().now())
    progress: list[int] = []

    async def deliver(seen: Sequence[Observation]) -> None:
        reading = await ingest.take(body_of_batch(1, seen), "")
        assert not reading.rejected, reading.said

    async with bench() as here:
        capturing = Capturing(wish, capture, before, "here", asking(here, capture), deliver, progress.append)
        return await capturing.run(), progress


async def test_every_prompt_is_asked_as_often_as_wished_and_the_digest_is_of_what_is_served(store: Store) -> None:
    """At temperature 1, with the prompts of the set to the letter; a second capture stands beside the first."""
    model = Model()
    async with bad_server(model) as server, collecting(store) as (house, ingest):
        digest, progress = await run(house, ingest, server.url)
        await run(house, ingest, server.url, samples=1)
        first, second = await references(house)

    prompts = prompts_of(SECRET, "spring", 5)
    assert sorted(model.asked[:15]) == sorted(prompts * 3)
    assert {(one["temperature"], one["max_tokens"], one["model"]) for one in model.requests} == {(1.0, 75, "ours-70b")}
    assert first.terms == Terms(5, 3, commitment_of(SECRET, "spring", 5), "ours-70b", 75)
    like_identity = {(one.series, one.item, one.text) for one in first.as_series("identity")}
    assert like_identity == {("identity", item, text) for item, texts in first.texts.items() for text in texts}
    assert (first.target, first.set, first.capture, first.fault) == ("acme/east/it", "spring", 1, "")
    assert first.digest == digest == digest_of(reversed(first.answers))
    assert {item: len(texts) for item, texts in first.texts.items()} == {f"spring:{n:03}": 3 for n in range(5)}
    assert len({one.text for one in first.answers}) == 15
    assert all(len(one.text) == 1000 and one.text.startswith("Tale ") for one in first.answers)
    assert (progress[-1], second.capture, second.fault, len(second.answers)) == (15, 2, "", 5)


async def test_what_was_broken_off_goes_on_where_it_was(store: Store) -> None:
    """Nothing that was kept is asked again; until the end it is no reference."""
    ill = Model(well=8)
    async with collecting(store) as (house, ingest):
        async with bad_server(ill) as server:
            with pytest.raises(
                TouchstoneError, match=r"acme/east/it: http_5xx: .* answers were kept; the same command"
            ):
                await run(house, ingest, server.url)
        (broken,) = await references(house)
        model = Model()
        async with bad_server(model) as server:
            await run(house, ingest, server.url)
        (whole,) = await references(house)

    assert broken.fault == "not finished: 8 of 15 answers"
    assert len(ill.asked) < 8 + 3 * 20 + 1
    assert len(model.asked) == 7
    assert (whole.fault, whole.began, len(whole.answers)) == ("", broken.began, 15)
    assert set(broken.answers) < set(whole.answers)


async def test_other_terms_begin_another_capture(store: Store) -> None:
    """More answers than were asked for is not the same thing."""
    async with collecting(store) as (house, ingest), bad_server(Model(well=2)) as server:
        with pytest.raises(TouchstoneError):
            await run(house, ingest, server.url)
    async with collecting(store) as (house, ingest), bad_server(Model()) as server:
        await run(house, ingest, server.url, samples=4)
        found = await references(house)

    assert [(one.capture, one.complete) for one in found] == [(1, False), (2, True)]


TAMPERED = {
    "an answer is another": "ALTER TABLE {database}.integrity_samples UPDATE text = 'x' WHERE name = 'reference' "
    "AND text LIKE 'Tale 7:%' SETTINGS mutations_sync = 1",
    "an answer is gone": "ALTER TABLE {database}.integrity_samples DELETE WHERE name = 'reference' "
    "AND text LIKE 'Tale 7:%' SETTINGS mutations_sync = 1",
    "an answer is twice": "INSERT INTO {database}.integrity_samples (tick, provider, cluster, target, vantage, name, "
    "sample, n, value, text, at) SELECT tick, provider, cluster, target, vantage, name, sample, 9, value, text, at "
    "FROM {database}.integrity_samples WHERE name = 'reference' AND text LIKE 'Tale 7:%'",
}


async def test_a_reference_that_changed_under_us_is_found(store: Store) -> None:
    """Whatever was done to one answer of it."""
    clear = "ALTER TABLE {database}.integrity_samples DELETE WHERE 1 SETTINGS mutations_sync = 1"
    async with collecting(store) as (house, ingest):
        for case, sql in TAMPERED.items():
            async with bad_server(Model()) as server:
                await run(house, ingest, server.url)
            await house._client.command(sql)
            (found,) = await references(house)
            assert found.fault.startswith("it has changed: "), case
            await house._client.command(clear)


def test_a_wish_that_cannot_be_is_refused() -> None:
    """A secret that is too short, a set that no item could name, more requests than anybody means."""
    place, now = subject_of("chat_stream", "http://127.0.0.1:1/v1").place, datetime(2026, 11, 26, tzinfo=UTC)
    for secret, name, samples, said in (
        (b"short", "spring", 1, "fewer than 16 bytes"),
        (SECRET, "spring:1", 1, "no colon"),
        (SECRET, "spring", REQUESTS_MAX, f"at most {REQUESTS_MAX}"),
    ):
        with pytest.raises(TouchstoneError, match=said):
            planned(Wish(place, name, 5, samples, 1), secret, (), now)


def test_what_is_no_terms_is_no_reference() -> None:
    """Rows that somebody else wrote are passed over."""
    good = Terms(5, 3, "c", "m", 75)
    assert Terms.of(good.text()) == good
    for text in (
        "",
        "[]",
        "{}",
        '{"prompts": 1}',
        good.text().replace("5", "0", 1),
        good.text().replace("5", '"5"', 1),
    ):
        assert Terms.of(text) is None


async def test_the_command_captures_lists_and_checks(store: Store, tmp_path: Path) -> None:
    """Through the collector, with its token; exit 1 when a reference has changed, and when there is none."""
    config = tmp_path / "touchstone.yaml"
    async with collecting(store) as (_, ingest), bad_server(Model()) as server:

        async def take(request: web.Request) -> web.Response:
            shown = request.headers.get("Authorization") == "Bearer a-token-of-the-collector"
            if shown:
                await ingest.take(await request.read(), "")
            return web.Response(status=200 if shown else 401)

        app = web.Application()
        app.router.add_post("/v1/traces", take)
        async with TestServer(app) as collector:
            settings = {
                "version": 1, "fleet": "fleet.yaml", "store": {"url": store.url, "database": store.database},
                "agent": {"spool": str(tmp_path / "spool.db"), "collector_url": str(collector.make_url("")).rstrip("/"),
                          "token": "a-token-of-the-collector"},
                "integrity": {"secret": SECRET.decode()}, "modules": {"chat": {"kind": "chat_stream"}},
            }  # fmt: skip
            target = {"model": "ours-70b", "url": server.url, "modules": ["chat"]}
            fleet = {"providers": {"own": {"clusters": {"here": {"targets": {"chat": target}}}}}}
            config.write_text(yaml.safe_dump(settings))
            (tmp_path / "fleet.yaml").write_text(yaml.safe_dump(fleet))

            async def command(*words: str) -> tuple[int, Any]:
                done = await asyncio.to_thread(touchstone, "-c", str(config), "reference", *words, "--json")
                return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

            none = await command("check")
            wish = ("own/here/chat", "--set", "spring", "--samples", "4", "--prompts", "6")
            captured = await command("capture", *wish)
            listed, checked = await command("list"), await command("check", "own/here/chat", "--set", "spring")
            settings["integrity"] = {"secret": "another-secret-of-ours"}
            config.write_text(yaml.safe_dump(settings))
            rotated = await command("check")
            unknown = await command("capture", "own/here/chatt", *wish[1:])

    assert none == (1, {"references": []})
    assert (captured[0], captured[1]["fault"], captured[1]["answers"]) == (0, "", 24)
    assert listed == checked == (0, {"references": [captured[1]]})
    assert "integrity.secret has changed" in rotated[1]["references"][0]["fault"] and rotated[0] == 1
    assert unknown[0] == 2 and "did you mean own/here/chat" in unknown[1]
    assert timedelta(0) < datetime.now(UTC) - datetime.fromisoformat(captured[1]["began"]) < timedelta(minutes=5)

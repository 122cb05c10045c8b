"""How large the store grows is arithmetic on the configuration."""

from __future__ import annotations

import pytest

from schemas.config import Configuration
from schemas.fleet import Fleet
from touchstone.settings_file import SettingsFile
from touchstone.store_plan import HOUR_BYTES, ROW_BYTES, TOKEN_BYTES, store_plan

MODULES = {
    "chat": {"kind": "chat_stream", "interval": "60s", "max_tokens": 20, "connection": "cold"},
    "page": {"kind": "http_request", "interval": "10s"},
    "engine": {"kind": "engine_metrics", "interval": "30s"},
}


def configuration(modules: tuple[str, ...] = ("chat", "page"), **store: object) -> Configuration:
    """One target with *modules*."""
    cluster = {"targets": {"chat": {"model": "m", "url": "http://127.0.0.1:1/v1", "modules": list(modules)}}}
    settings = {"version": 1, "modules": MODULES, "store": store}
    return Configuration(
        settings=SettingsFile.model_validate(settings),
        fleet=Fleet.model_validate({"providers": {"acme": {"clusters": {"east": cluster}}}}),
    )


def test_rows_and_bytes_follow_intervals_tokens_connections_and_vantages() -> None:
    """From three places: a chat of 20 tokens a minute on cold connections, a page every ten seconds on both."""
    tables = {one.table: one for one in store_plan(configuration(), vantages=3)}

    raw = tables["observations"]
    assert raw.rows_day == 3 * (1440 + 8640)
    assert raw.bytes_day == pytest.approx(raw.rows_day * ROW_BYTES + 3 * 1440 * 20 * TOKEN_BYTES)
    assert (raw.days, raw.bytes_kept) == (180, pytest.approx(raw.bytes_day * 180))
    assert tables["rollup_hour"].rows_day == 3 * 24 * (1 + 2)
    assert tables["rollup_hour"].bytes_kept == pytest.approx(3 * 24 * 3 * HOUR_BYTES * 1095)
    assert tables["token_arrivals"].rows_day == 3 * 24
    assert [tables[name].rows_day for name in ("model_hour", "model_times", "sights", "treatment_hour")] == [
        24, 24, 3 * 24, 3 * 24,
    ]  # fmt: skip
    assert (tables["rollup_day"].days, tables["rollup_day"].rows_day) == (None, 9)
    assert [tables[name].rows_day for name in ("cluster_hour", "cluster_day", "target_hour", "model_times_day")] == [
        24 * 3, 3, 24 * 2, 1,
    ]  # fmt: skip


def test_an_hour_of_looks_is_a_row_of_each_engine() -> None:
    """From however many places; nothing where no page is looked at."""
    looked, plain = (
        {one.table: one for one in store_plan(configuration(modules), vantages=3)}
        for modules in (("chat", "engine"), ("chat",))
    )

    assert (looked["capacity_hour"].rows_day, plain["capacity_hour"].rows_day) == (24, 0)


def test_what_is_kept_for_less_long_is_smaller() -> None:
    """The retention of the settings."""
    short = {one.table: one for one in store_plan(configuration(retention={"raw": "60d"}), vantages=1)}
    long = {one.table: one for one in store_plan(configuration(), vantages=1)}

    assert short["observations"].bytes_kept == pytest.approx(long["observations"].bytes_kept / 3)
    assert short["rollup_hour"] == long["rollup_hour"]

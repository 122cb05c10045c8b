"""What providers share, how many they really are, and how it is said."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.exports import relations as exports
from collector.judgement.correlation import words
from collector.judgement.correlation.buckets import Watched
from collector.judgement.correlation.relations import Relations, closed_window, relations
from collector.judgement.correlation.shared_infrastructure import (
    Shared,
    Sighting,
    Weight,
    What,
    network_of,
    shared,
)
from collector.judgement.correlation.suppliers import effective_number, groups, supply
from dashboard import relations_markup
from tests.unit.test_co_failure import STARTS, mask, sight

AT = datetime(2026, 11, 1, 12, 3, 4, 567000, tzinfo=UTC)
HOSTILE = "=cmd|<b>x</b>\x1b[31m"


def seen(provider: str, what: What, value: str, n: int = 1) -> Sighting:
    """Something that an endpoint showed."""
    return Sighting(provider, what, value, n, AT)


def related(*sightings: Sighting, name: str = "b") -> Relations:
    """Three providers of one model: a and *name* share their outages, c does not."""
    ours = mask(*((start, 6) for start in STARTS))
    sights = [sight("a", ours), sight(name, ours), sight("c", mask((1000, 5), (1200, 5), (2000, 5)))]
    return relations(closed_window(AT, 10), AT, Watched(sights), sightings, {"m": ("a", name, "c")}, {})


def test_a_key_is_evidence_and_the_rest_are_hints() -> None:
    """One row for each pair and thing, with how often each showed it."""
    found = shared(
        [
            *(seen(one, What.KEY, "k1", 3) for one in ("a", "b")),
            *(seen(one, What.CERTIFICATE, "R11: DNS:x") for one in ("b", "c")),
            *(seen(one, What.ADDRESS, "8.8.8.8", 2) for one in ("a", "c")),
            seen("d", What.KEY, "k2"),
        ]
    )

    assert [(one.a, one.b, one.what, one.weight, one.n_a) for one in found] == [
        ("a", "b", What.KEY, Weight.EVIDENCE, 3),
        ("a", "c", What.ADDRESS, Weight.HINT, 2),
        ("b", "c", What.CERTIFICATE, Weight.HINT, 1),
    ]


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        ("8.8.8.8", "8.8.8.9", "8.8.8.0/24"),
        ("2606:4700::1", "2606:4700:0:ffff::2", "2606:4700::/48"),
        ("::ffff:8.8.8.8", "8.8.8.9", "8.8.8.0/24"),
        ("8.8.8.8", "8.8.9.8", None),
        ("10.0.0.1", "10.0.0.2", None),
        ("127.0.0.1", "127.0.0.1", None),
        ("::1", "::1", None),
        ("::ffff:10.1.2.3", "::ffff:10.1.2.3", None),
        ("fd00::1", "fd00::1", None),
        ("169.254.169.254", "169.254.169.254", None),
        ("no address", "no address", None),
    ],
)
def test_only_public_addresses_are_shared(one: str, other: str, what: str | None) -> None:
    """A neighbour in the same network is a hint; what leads into our own house is nothing."""
    found = shared([seen("a", What.ADDRESS, one), seen("b", What.ADDRESS, other)])

    assert [(each.what, each.value) for each in found] == ([(What.NETWORK, what)] if what else [])


def test_a_network_is_not_said_beside_an_address_in_it() -> None:
    """And counts what was seen at all addresses of it."""
    same = shared([seen("a", What.ADDRESS, "8.8.8.8"), seen("b", What.ADDRESS, "::ffff:8.8.8.8")])
    near = shared([seen("a", What.ADDRESS, f"8.8.8.{n}", 2) for n in (1, 2)] + [seen("b", What.ADDRESS, "8.8.8.3")])

    assert [one.what for one in same] == [What.ADDRESS]
    assert near == (Shared("a", "b", What.NETWORK, "8.8.8.0/24", 4, 1, AT, AT),)
    assert network_of("8.8.8.8") == "8.8.8.0/24"


@pytest.mark.parametrize(
    ("links", "parted"),
    [
        ((), (("a",), ("b",), ("c",), ("d",))),
        ((("a", "b"),), (("a", "b"), ("c",), ("d",))),
        ((("b", "x"), ("d", "x")), (("a",), ("b", "d"), ("c",))),
        ((("d", "c"), ("b", "a"), ("c", "b")), (("a", "b", "c", "d"),)),
    ],
)
def test_linked_providers_are_one_group_through_others_too(
    links: tuple[tuple[str, str], ...], parted: tuple[tuple[str, ...], ...]
) -> None:
    """A third that serves another model links two as well."""
    assert groups("abcd", links) == parted


def test_the_effective_number_is_what_is_left_of_redundancy() -> None:
    """Three equal ones of which two are linked are 1.8, by traffic 9:1:0 it is 1.2 of 1.2."""
    equal = supply("m", "abc", [("a", "b")], {})
    loaded = supply("m", "abc", [("b", "c")], {"a": 90, "b": 10, "other": 5})

    assert (equal.effective, equal.apart, equal.by_load) == (pytest.approx(1 / (4 / 9 + 1 / 9)), 3.0, False)
    assert (loaded.effective, loaded.apart) == (pytest.approx(1 / 0.82), pytest.approx(1 / 0.82))
    assert words.effective(equal) == "1.8 of 3.0 independent suppliers (equal shares)"
    assert words.effective(loaded) == "1.2 of 1.2 independent suppliers (by real traffic)"


@given(parts=st.lists(st.floats(0.01, 1), min_size=1, max_size=12))
def test_the_effective_number_lies_between_one_and_how_many_there_are(parts: list[float]) -> None:
    """As Simpson's index does."""
    whole = sum(parts)

    assert 1 - 1e-9 <= effective_number(one / whole for one in parts) <= len(parts) + 1e-9


def test_what_is_linked_is_one_supplier() -> None:
    """By failing together here; by a key in the next line."""
    found = related()
    by_key = related(seen("a", What.KEY, "k"), seen("c", What.KEY, "k"))
    by_hint = related(seen("a", What.ADDRESS, "8.8.8.8"), seen("c", What.ADDRESS, "8.8.8.8"))

    assert (found.groups, found.supplies[0].effective) == ((("a", "b"),), pytest.approx(1.8))
    assert (by_key.groups, by_key.supplies[0].effective) == ((("a", "b", "c"),), 1.0)
    assert by_hint.groups == (("a", "b"),)


def test_a_window_ends_with_a_closed_bucket() -> None:
    """And is of whole days."""
    begins, ends = closed_window(AT, 30)

    assert (ends, ends - begins) == (datetime(2026, 11, 1, 12, tzinfo=UTC), timedelta(days=30))


def test_an_export_has_every_figure_and_runs_nothing() -> None:
    """JSON that can be written, CSV whose cells are cells."""
    found = related(seen("a", What.KEY, "k"), name=HOSTILE)
    plain = exports.plain(found)

    assert json.loads(json.dumps(plain)) == plain
    row = plain["pairs"][0]
    assert (row["together_min"], row["standing"], row["counted_as_one"]) == (150.0, "fail_together", True)
    assert exports.as_csv(found).count("\r\n") == 4
    assert "'=cmd" in exports.as_csv(found) and ",=cmd" not in exports.as_csv(found)
    assert exports.as_csv(replace(found, pairs=())) == ""


def test_the_section_of_a_page_says_whom_and_how_surely_and_escapes_names() -> None:
    """With windows, sizes and what would have been found; nothing of who is whose reseller."""
    found = related(seen("a", What.KEY, "<k>"), seen(HOSTILE, What.KEY, "<k>"), name=HOSTILE)
    said = relations_markup.section(found.of("a"), "a")

    assert "=cmd|&lt;b&gt;x&lt;/b&gt;" in said and "<b>x</b>" not in said and "<k>" not in said
    assert "2 h 30 m of 2 h 30 m and 2 h 30 m" in said
    assert "counted as one supplier" in said and "5 outages together, of 5 and 5" in said
    assert "resell" not in said


def test_sections_without_anything_say_why() -> None:
    """Nobody else, too little, or nothing found, with what would have been."""
    nobody = relations_markup.section(replace(related(), pairs=(), groups=()), "a")
    calm = relations_markup.section(related().of("c"), "c")
    window = closed_window(AT, 10)
    quiet = relations(window, AT, Watched([sight("a", mask()), sight("b", mask())]), (), {}, {})

    assert "No other provider was observed" in nobody
    assert "None is found to. Certainly found would have been" in calm
    assert "0 and 0 outages, 3 of each needed" in relations_markup.section(quiet, "a")

"""What integrity probes are not: evidence of availability, a reason to ask again, a reason to wake somebody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.judgement.fleet_index import FleetIndex
from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Inputs, decide
from probes.catalog import KINDS
from probes.kinds.echo_challenge import number_of_nonce, question, right
from probes.kinds.place_timing import first_of
from probes.prompt_set import border_input_of, turn
from probes.sampling import SamplingModule, kept
from schemas.observation import Observation, Outcome, Reason
from schemas.paging import Paging
from schemas.probe_kinds import INTEGRITY_KINDS, SERVING_KINDS
from schemas.sample import TEXT_CHARS_MAX, Sample
from tests.support.observations import seen
from tests.support.subjects import TICK

NONCE = "9f3c00aa11bb22cc"
INDEX = FleetIndex({"acme": ("acme/east",)}, {"acme/east": ("acme/east/chat",)})


def failures(kind: str) -> list[Observation]:
    """Ten refused ticks in a row of *kind*, from one place."""
    return [
        seen(tick=TICK + timedelta(seconds=10 * n), kind=kind, module=kind, outcome=Outcome.FAILED,
             reason=Reason.CONNECT_REFUSED)
        for n in range(10)
    ]  # fmt: skip


def paged(kind: str) -> int:
    """How many incidents ten failures of *kind* open."""
    state, opened = HotState(), 0
    for fact in failures(kind):
        decision = decide(state, Inputs(facts=[fact]), fact.finished_at + timedelta(seconds=5), Paging(), INDEX)
        state, opened = decision.state, opened + len(decision.incidents)
    return opened


def test_every_kind_that_samples_is_one_of_them_and_no_other() -> None:
    """The list and the catalogue agree; none of them serves."""
    sampling = {name for name, kind in KINDS.items() if issubclass(kind.settings, SamplingModule)}

    assert sampling == INTEGRITY_KINDS
    assert not INTEGRITY_KINDS & SERVING_KINDS


@pytest.mark.parametrize("kind", sorted(INTEGRITY_KINDS))
def test_their_failures_open_no_incident(kind: str) -> None:
    """Where those of a chat do."""
    assert (paged(kind), paged("chat_stream") > 0) == (0, True)


@pytest.mark.parametrize("n", [1, 2, 5, 25])
def test_each_prompt_comes_once_in_every_round_in_an_order_of_its_own(n: int) -> None:
    """Another asker, another round: another order."""
    key = b"k" * 32
    rounds = [[turn(key, asker, r * n + place, n) for place in range(n)] for asker in ("a", "b") for r in range(4)]

    assert all(sorted(one) == list(range(n)) for one in rounds)
    assert n < 5 or len({tuple(one) for one in rounds}) > 6


def test_border_inputs_are_short_words_of_the_secret() -> None:
    """The same for the same secret, and nearly all different."""
    words = [border_input_of(b"a secret of many bytes", "s", index) for index in range(500)]

    assert words == [border_input_of(b"a secret of many bytes", "s", index) for index in range(500)]
    assert len(set(words)) > 490
    assert all(word.isalpha() and len(word) <= 10 for word in words)
    with pytest.raises(ValueError, match="numbered 0 to 9999, not 10000"):
        border_input_of(b"a secret of many bytes", "s", 10_000)


PLACES: dict[str, tuple[list[str], int | None]] = {
    "at once": (["9f3c", "00aa", "11bb22cc"], 0),
    "after a greeting of the edge": (["Sure! ", "9f", "3c00aa11", "bb22cc"], 1),
    "within a piece": (["Here: 9f3c00aa", "11bb22cc"], 0),
    "after spaces": (["", " ", "\n", "9f3c00aa11bb22cc"], 3),
    "a beginning that is not the code": (["9f", " no, ", "9f3c00aa11"], 2),
    "too little of it": (["9f3c00a"], None),
    "not at all": (["I cannot", " do that"], None),
    "nothing": ([], None),
}


@pytest.mark.parametrize("name", PLACES)
def test_the_first_text_of_the_code_is_found(name: str) -> None:
    """What comes before it may have come from an edge."""
    texts, at = PLACES[name]
    assert first_of(texts, NONCE) == at


def test_an_echo_needs_the_code_and_the_product_as_a_number() -> None:
    """Digits of the code are no product."""
    product = 17 * number_of_nonce(NONCE)

    assert str(number_of_nonce(NONCE)) in question(NONCE)
    assert right(f"{NONCE} {product}", NONCE, number_of_nonce(NONCE))
    assert right(f"{NONCE}\n17 x {number_of_nonce(NONCE)} = **{product:,}**.", NONCE, number_of_nonce(NONCE))
    for wrong in (
        f"{NONCE}",
        f"{product}",
        f"{NONCE} {product}0",
        f"{NONCE} {product}.5",
        f"{NONCE[:-1]} {product}",
        "",
    ):
        assert not right(wrong, NONCE, number_of_nonce(NONCE)), wrong


def test_what_is_kept_can_be_stored() -> None:
    """Cut, and without halves of characters."""
    assert Sample("identity", text=kept("a\ud800b" + "x" * 2000)).text == "a?b" + "x" * (TEXT_CHARS_MAX - 3)

"""Every target with each of its modules, on grids that keep apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.kinds.chat_stream import ChatStreamModule
from probes.kinds.http_request import HttpRequestModule
from probes.subjects import subjects_at, subjects_of
from schemas.config import Module
from schemas.errors import ConfigurationError
from schemas.fleet import Cluster, Fleet, Place, Provider, Target

UP = HttpRequestModule(kind="http_request")


def chat(interval_s: float) -> ChatStreamModule:
    """A chat module with that interval."""
    return ChatStreamModule(kind="chat_stream", interval=f"{interval_s:.3f}s")


def place(name: str, modules: tuple[str, ...]) -> Place:
    """A target called *name*."""
    target = Target(model="m", url="http://127.0.0.1:1", modules=modules)
    return Place("acme", "acme/east", f"acme/east/{name}", "", target)


def test_every_target_is_asked_with_each_of_its_modules_once() -> None:
    """In the order of the fleet; a module named twice is one subject."""
    modules: dict[str, Module] = {"chat": chat(60), "up": UP, "unused": UP}
    target = Target(model="m", url="http://127.0.0.1:1", modules=("up", "chat", "up"))
    fleet = Fleet(providers={"acme": Provider(clusters={"b": Cluster(targets={"x": target}),
                                                        "a": Cluster(targets={"x": target})})})  # fmt: skip

    keys = [subject.key for subject in subjects_of(fleet, modules)]

    assert keys == ["acme/a/x|up", "acme/a/x|chat", "acme/b/x|up", "acme/b/x|chat"]


@given(
    target=st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True),
    intervals=st.lists(st.integers(1, 40).map(lambda unit: unit * 0.5), min_size=1, max_size=6),
)
def test_modules_of_one_kind_never_tick_together_on_one_target(target: str, intervals: list[float]) -> None:
    """The natural key has the kind and not the module: were they to meet, two observations would be one row."""
    modules: dict[str, Module] = {f"chat-{n}": chat(interval) for n, interval in enumerate(intervals)} | {"up": UP}
    subjects = subjects_at(place(target, tuple(modules)), modules)
    chats = [one.grid for one in subjects if one.module.kind == "chat_stream"]

    assert not any(one.meets(other) for number, one in enumerate(chats) for other in chats[:number])
    assert subjects[0].shift == subjects[-1].shift == 0  # the first of its kind keeps the phase it has alone


def test_intervals_that_cannot_be_kept_apart_are_a_configuration_error() -> None:
    """A millisecond's difference: whatever the phases, the two would tick together some day."""
    with pytest.raises(ConfigurationError, match="the interval of 'b' fits no other chat_stream module here"):
        subjects_at(place("x", ("a", "b")), {"a": chat(60), "b": chat(60.001)})

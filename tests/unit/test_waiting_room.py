"""What waits to be stored is bounded in bodies and bytes, however it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest

from collector.waiting_room import BODIES_MAX, BYTES_MAX, Full, TooLarge, WaitingRoom

MIB = 1024 * 1024


async def chunks(count: int, size: int) -> AsyncIterator[bytes]:
    """A body in pieces."""
    for _ in range(count):
        yield b"x" * size


async def test_a_body_is_read_whole_and_its_room_is_free_again() -> None:
    """What was held is given back at the end."""
    room = WaitingRoom(body_bytes_max=MIB)
    with room.place() as place:
        assert await place.read(chunks(10, 1000), 10_000) == b"x" * 10_000
        assert room.bytes_held == 10_000

    assert room.bytes_held == 0


@pytest.mark.parametrize("announced", [MIB + 1, None, 5])
async def test_a_body_larger_than_any_may_be_is_never_held(announced: int | None) -> None:
    """Announced, in chunks without a length, or with a length that lies."""
    room = WaitingRoom(body_bytes_max=MIB)
    with room.place() as place, pytest.raises(TooLarge):
        await place.read(chunks(100, 64 * 1024), announced)

    assert room.bytes_held == 0


async def test_bytes_are_bounded_while_they_come() -> None:
    """Many large bodies: the one that would be too much is told to come back, the others are not harmed."""
    room = WaitingRoom(body_bytes_max=16 * MIB)
    with ExitStack() as stack:
        for _ in range(BYTES_MAX // (16 * MIB)):
            await stack.enter_context(room.place()).read(chunks(16, MIB), None)
        with room.place() as late, pytest.raises(Full, match=f"{BYTES_MAX} bytes are waiting"):
            await late.read(chunks(1, MIB), None)
        assert room.bytes_held == BYTES_MAX
    with room.place() as again:
        assert len(await again.read(chunks(1, MIB), None)) == MIB


async def test_bodies_are_bounded_once_they_are_complete() -> None:
    """One that is only sent slowly takes no other's place."""
    room = WaitingRoom(body_bytes_max=MIB)
    with ExitStack() as stack:
        for _ in range(BODIES_MAX):
            await stack.enter_context(room.place()).read(chunks(1, 10), 10)
        with room.place() as late, pytest.raises(Full, match=f"{BODIES_MAX} bodies are waiting"):
            await late.read(chunks(1, 10), 10)


async def test_one_body_of_the_largest_size_always_has_room() -> None:
    """A limit of a body above that of the room is the room's."""
    room = WaitingRoom(body_bytes_max=BYTES_MAX + MIB)
    with room.place() as place:
        assert len(await place.read(chunks(65, MIB), None)) == BYTES_MAX + MIB

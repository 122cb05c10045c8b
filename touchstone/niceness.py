"""How a process stands back behind others, on a system that shares its cores out by session first."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

# On Linux with autogroups, the niceness of processes counts among those of one session only; whoever began a session
# of its own, as every child of a supervisor does, competes with the others by the niceness of the session.
_AUTOGROUP = Path("/proc/self/autogroup")


def stand_back(nice: int) -> None:
    """Make this process, and the session that it began, *nice* steps nicer; 0 leaves both as they are."""
    if nice == 0:
        return
    os.nice(nice)
    with suppress(OSError):  # a kernel without autogroups, or one that was told of another a moment ago
        _AUTOGROUP.write_text(str(nice))

"""
What a page reads is begun before it is drawn, all at once.

A view may say in `ahead(asked)` what it is going to read of what the address asks for. That is begun when the address
is asked for (read_ahead_route.py), while the browser still loads what it draws with; and once more when the page is
drawn, with whatever filter was chosen since. Only reads that are remembered are begun: whoever draws waits for the one
under way. A page whose view says nothing, or the wrong thing, is drawn all the same, later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from typing import ParamSpec

from dashboard import reader
from schemas.errors import StoreError

P = ParamSpec("P")

logger = logging.getLogger(__name__)

AT_ONCE = 32  # of all sessions: what is remembered must not wait behind what is not

_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ahead")


def read_ahead(page: str, asked: Mapping[str, str]) -> None:
    """Begin what every page and the page named *page* read; *asked* is what its address asks for, unchecked."""
    begin(reader.latest_verdicts)
    begin(reader.freshness)
    view = import_module(f"dashboard.views.{page}")
    if hasattr(view, "ahead"):
        begin(view.ahead, asked)


def begin(read: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Begin a *read* that is remembered; what it raises, it raises again for whoever draws."""
    _threads.submit(read, *args, **kwargs).add_done_callback(_tell)


def _tell(done: Future[object]) -> None:
    error = done.exception()
    if error is not None and not isinstance(error, StoreError):  # which the page tells
        logger.error("reading ahead: %s", error, exc_info=error)

"""The receiver of heartbeats: each authenticated call of a target becomes that target's file."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from probes.heartbeat_folder import ALIVE_EVERY_S, Beat, Call, HeartbeatFolder, Watch
from probes.kinds.heartbeat import HeartbeatModule
from schemas.clock import Clock
from schemas.config import Configuration
from schemas.errors import TouchstoneError
from schemas.fleet import Auth

logger = logging.getLogger(__name__)

BODY_BYTES_MAX = 16 * 1024
PATH = "/v1/heartbeats"


@dataclass(frozen=True, slots=True)
class Caller:
    """A target that calls: how it proves who it is, and where its calls are kept."""

    auth: Auth
    folders: tuple[Path, ...]

    def proven(self, headers: Mapping[str, str]) -> bool:
        """Whether *headers* carry the target's key, where and as it would stand in a request to the target."""
        if self.auth.bearer is None:
            return False
        key, name = self.auth.bearer.get_secret_value(), self.auth.header
        expected = f"Bearer {key}" if name == "Authorization" else key
        return hmac.compare_digest(headers.get(name, "").encode(errors="replace"), expected.encode())


def callers_of(configuration: Configuration) -> dict[str, Caller]:
    """Every target with a module of kind `heartbeat`, by its id."""
    found: dict[str, Caller] = {}
    for place in configuration.fleet.places():
        modules = [configuration.settings.modules[name] for name in place.target.modules]
        folders = tuple(dict.fromkeys(Path(one.folder) for one in modules if isinstance(one, HeartbeatModule)))
        if folders:
            found[place.id] = Caller(place.target.auth, folders)
    return found


class HeartbeatReceiver:
    """Takes calls and says that it listens; `application` is the former, `run` the latter."""

    def __init__(self, callers: Mapping[str, Caller], clock: Clock) -> None:
        self._callers, self._clock = callers, clock
        paths = {path for caller in callers.values() for path in caller.folders}
        self._folders = {path: HeartbeatFolder(path) for path in sorted(paths)}
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="heartbeats")

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post(f"{PATH}/{{provider}}/{{cluster}}/{{target}}", self._call)
        return app

    async def run(self) -> None:
        """Keep watch in every folder until cancelled; a folder that cannot be written counts as a break."""
        watches = {path: self._last(folder) for path, folder in self._folders.items()}
        while True:
            for path, folder in self._folders.items():
                watch = watches[path].at(self._clock.now())
                if await self._written(folder.keep_watch, watch):
                    watches[path] = watch
            await self._clock.sleep(ALIVE_EVERY_S)

    def _last(self, folder: HeartbeatFolder) -> Watch:
        """The watch to go on with: that of a receiver which stopped a moment ago, or a new one."""
        now = self._clock.now()
        try:
            return folder.watch() or Watch(since=now, alive=now)
        except TouchstoneError as error:
            logger.warning("begun anew: %s", error)
            return Watch(since=now, alive=now)

    async def _call(self, request: web.Request) -> web.Response:
        target = "/".join(request.match_info[name] for name in ("provider", "cluster", "target"))
        caller = self._callers.get(target)
        if caller is None or not caller.proven(request.headers):
            return _refused(401, "no such target, or not its key")
        try:
            call = Call.model_validate_json(await request.read() or b"{}")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the body"
            return _refused(400, f"{where}: {first['msg'].removeprefix('Value error, ')}")
        beat = Beat(**call.model_dump(), received_at=self._clock.now())
        kept = [await self._written(self._folders[path].keep_beat, target, beat) for path in caller.folders]
        if not all(kept):
            return _refused(503, "the call could not be recorded")
        logger.info("%s: %s", target, call.status)
        return web.Response(status=204)

    async def _written(self, write: Callable[..., None], *arguments: Any) -> bool:
        try:
            await asyncio.get_running_loop().run_in_executor(self._disk, write, *arguments)
        except OSError as error:
            logger.error("heartbeats cannot be recorded: %s", error)
            return False
        return True


def _refused(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)

"""HOST:PORT, as options and settings write it."""

from __future__ import annotations

import socket

import click


def split_address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` (or `[v6]:PORT`); raises click.BadParameter."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise click.BadParameter(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def free_port(preferred: int | None = None) -> int:
    """A loopback port that nobody listens on now: *preferred* when it is free."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")

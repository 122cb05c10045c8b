"""
Connections that lead outside only: the address that is really connected to is looked at, whatever name led there.

So a name that a resolver answers differently the second time, a number that is written oddly, and an IPv6 address that
carries another all come to the same: no socket is made.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import aiohappyeyeballs
from aiohappyeyeballs import AddrInfoType

from schemas.private_address import why_private

SocketFactory = Callable[[AddrInfoType], socket.socket]
SETTING = "paging.private_addresses"


class PrivateAddress(OSError):
    """A destination is at an address of our own house; an OSError, as what stands between treats only those right."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"{address} is {why}: not connected to, unless {SETTING} allows it")


def outside_socket(info: AddrInfoType) -> socket.socket:
    """A socket for what getaddrinfo said; raises PrivateAddress."""
    family, kind, proto, _name, address = info
    why = why_private(str(address[0]))
    if why is not None:
        raise PrivateAddress(str(address[0]), why)
    return socket.socket(family, kind, proto)


async def connected(host: str, port: int, factory: SocketFactory | None) -> socket.socket:
    """A socket that is connected to *host*, through *factory*; raises OSError."""
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await aiohappyeyeballs.start_connection(
        infos, happy_eyeballs_delay=0.25, interleave=1, socket_factory=factory
    )

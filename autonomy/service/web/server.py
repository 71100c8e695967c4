"""The server: uvicorn, one process, one event loop."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping

import uvicorn

from autonomy.service.keys import Keyring
from autonomy.service.settings import Settings
from autonomy.service.station import LONGEST_END_S, Station
from autonomy.service.web.guard import Guard
from autonomy.service.web.routes import application

CONNECTIONS = 512
"""Connections at once; one more is told to come back (503)."""
HEADER_BYTES = 16 * 1024
IDLE_S = 75
SWITCH_S = 0.0005
"""Seconds after which one thread lets another go on; Python's own 5 ms would be most of a step's time."""


class Server:
    """Serves communities until it is told to stop.

    Args:
        settings: Where, and what is refused.
        stations: By name.
        keys: Who may use which; empty for one community that this machine may use.
        closed: Told of a journal that could not be closed at the end.

    Raises:
        OSError: the address cannot be had.
    """

    def __init__(
        self,
        settings: Settings,
        stations: Mapping[str, Station],
        keys: Keyring,
        *,
        closed: Callable[[str, BaseException], None],
    ) -> None:
        guard = Guard(settings, keys, tuple(stations), time.monotonic)
        config = uvicorn.Config(
            application(stations, guard, closed=closed),
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            h11_max_incomplete_event_size=HEADER_BYTES,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=int(LONGEST_END_S),
            ws="websockets-sansio",
            ws_max_size=1024,
        )
        self._socket = _bound(settings)
        self._server = uvicorn.Server(config)

    @property
    def port(self) -> int:
        """TCP port that is listened on."""
        return int(self._socket.getsockname()[1])

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM, or until `stop`; what was begun is finished, and journals are closed."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        try:
            self._server.run(sockets=[self._socket])
        finally:
            sys.setswitchinterval(before)
            self._socket.close()

    def stop_at_signals(self) -> None:
        """Have SIGINT and SIGTERM stop the server; it sends them again when it has stopped, in vain."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: self.stop())

    def stop(self) -> None:
        """Have `run` return as soon as what was begun is finished; may be called from any thread."""
        self._server.should_exit = True


def _bound(settings: Settings) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    found = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError:
        found.close()
        raise
    return found

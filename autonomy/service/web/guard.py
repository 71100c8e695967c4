"""What stands before every route: whose host, which key, how often, how large, how slow."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request

from autonomy.service.bucket import Bucket
from autonomy.service.keys import Keyring
from autonomy.service.settings import LOCAL_NAMES, Settings
from autonomy.service.web.schema import RefusalError

FAILURES_A_S = 1.0
"""Wrong keys a second that an address may try."""
FAILURES_AT_ONCE = 10.0
"""Wrong keys that it may try at once."""
ADDRESSES = 1024
"""Addresses whose wrong keys are remembered."""
PROTOCOL, PROTOCOL_KEY = "autonomy", "autonomy.key."
"""WebSocket subprotocols: a browser cannot set headers, so the key may follow the second."""


class Guard:
    """Says which community a request is about, or refuses it.

    Args:
        settings: Limits.
        keys: Who may use what.
        names: Communities.
        clock: Seconds, never going back.
    """

    def __init__(
        self, settings: Settings, keys: Keyring, names: tuple[str, ...], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._keys, self._names, self._clock = settings, keys, names, clock
        self._steps = {name: Bucket(settings.steps_per_s, clock) for name in names}
        self._failures: OrderedDict[str, Bucket] = OrderedDict()

    @property
    def has_keys(self) -> bool:
        """Whether a request needs a key."""
        return bool(self._keys)

    def name_of(self, connection: HTTPConnection) -> str:
        """Return the community of a connection.

        Raises:
            RefusalError: it has no key or a wrong one, or is for another host.
        """
        if not self._keys:
            self._require_local(connection.headers)
            return self._names[0]
        address = connection.client.host if connection.client is not None else ""
        failures = self._failures_of(address)
        wait = failures.wait()
        if wait:
            raise RefusalError(429, f"too many wrong keys from this address; wait {wait:.1f} s")
        key = _key_of(connection.headers)
        name = self._keys.name_of(key) if key else None
        if name is None:
            if key:
                failures.take()
            raise RefusalError(401, "no key, or a wrong one; expected the header Authorization: Bearer KEY")
        return name

    def require_room(self, name: str) -> None:
        """Refuse a step too many.

        Raises:
            RefusalError: the community's steps come too fast.
        """
        wait = self._steps[name].take()
        if wait:
            most = self._settings.steps_per_s
            raise RefusalError(429, f"more than {most:g} steps a second for this community; wait {wait:.3f} s")

    async def body_of(self, request: Request) -> bytes:
        """Return the body of a request, which is JSON, small enough, and here in time.

        Raises:
            RefusalError: it is not.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            # Browsers send other kinds to any address without asking, this one not.
            problem = ("Content-Type", ascii(kind), "application/json")
            raise RefusalError(415, "the body is not declared to be JSON", [problem])
        most = self._settings.body_bytes
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > most:
            raise RefusalError(413, f"the body has {declared[:20]} bytes; at most {most} are read")
        try:
            async with asyncio.timeout(self._settings.body_s):
                body = bytearray()
                async for part in request.stream():
                    body += part
                    if len(body) > most:
                        raise RefusalError(413, f"the body has more than {most} bytes, which is the most that is read")
        except TimeoutError:
            raise RefusalError(408, f"the body was not there within {self._settings.body_s:g} s") from None
        return bytes(body)

    def require_same_origin(self, connection: HTTPConnection) -> None:
        """Refuse a WebSocket that another site's page opens; browsers say whose page it is, programs need not.

        Raises:
            RefusalError: it does.
        """
        origin = connection.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != connection.headers.get("host", ""):
            raise RefusalError(403, f"the page is of {origin[:80]!a}, not of this service")

    def _require_local(self, headers: Headers) -> None:
        """Refuse a name that is not this machine's: another site's page may have had it resolved to here."""
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        if name.lower() not in LOCAL_NAMES:
            raise RefusalError(403, f"the request is for the host {host[:80]!a}; expected localhost or 127.0.0.1")

    def _failures_of(self, address: str) -> Bucket:
        if address not in self._failures:
            self._failures[address] = Bucket(FAILURES_A_S, self._clock, burst=FAILURES_AT_ONCE)
            if len(self._failures) > ADDRESSES:
                self._failures.popitem(last=False)
        self._failures.move_to_end(address)
        return self._failures[address]


def _key_of(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    protocols = [item.strip() for item in headers.get("sec-websocket-protocol", "").split(",")]
    return next((item[len(PROTOCOL_KEY) :] for item in protocols if item.startswith(PROTOCOL_KEY)), "")

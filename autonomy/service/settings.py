"""Where the service listens, how long it may take, and what it refuses."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from autonomy.journal.writer import Fsync
from autonomy.layers.errors import ModelError

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
"""What a request may call a host that only this machine can reach."""
POLICY_SHARE = 0.5
"""Share of the deadline that the policy may take; the rest is for everything that makes its answer safe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Settings of the service.

    Attributes:
        host: Address to listen on.
        port: TCP port; 0 for any that is free.
        deadline_s: Seconds from the arrival of an observation to the answer; a later one is the dead stop's caps.
        body_bytes: Bytes of the largest body.
        body_s: Seconds in which a body has to arrive.
        steps_per_s: Steps a second of one community, over a burst of one second's worth.
        fsync: When the disk is waited for, as for `autonomy.journal.JsonLinesJournal`.

    Raises:
        ModelError: a setting is out of its range.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    deadline_s: float = 1.0
    body_bytes: int = 1 << 20
    body_s: float = 10.0
    steps_per_s: float = 500.0
    fsync: Fsync = "always"

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ModelError("port", self.port, "a TCP port in 0..65535")
        for name in ("deadline_s", "body_s"):
            if not 0.0 < getattr(self, name) < float("inf"):
                raise ModelError(name, getattr(self, name), "seconds > 0")
        if not self.body_bytes >= 1:
            raise ModelError("body_bytes", self.body_bytes, "a number of bytes >= 1")
        if not 0.0 < self.steps_per_s < float("inf"):
            raise ModelError("steps_per_s", self.steps_per_s, "steps a second > 0")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

"""From measurements to what devices are told, at every step; where the service does not answer, the dead stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from autonomy.field.mailbox import Mailbox
from autonomy.service.client import ServiceError

SET_POINTS = ("battery_kw", "curtail_kw", "shed_kw", "generation_cap_kw", "load_cap_kw")
VALID_STEPS = 1.5
"""Steps that what a device is told is good for; after that the caps of the dead stop hold."""


class Service(Protocol):
    """Who decides; `autonomy.service.client.ServiceClient` is one."""

    def step(self, observation: Mapping[str, Any], /) -> dict[str, Any]:
        """Return the answer to an observation, or raise a `ServiceError`."""
        ...


class Bridge:
    """Decides for devices.

    Args:
        service: Who decides.
        about: What the service says of its community, see `ServiceClient.community`.
        mailbox: What is measured.
    """

    def __init__(self, service: Service, about: Mapping[str, Any], mailbox: Mailbox) -> None:
        self.mailbox, self._service = mailbox, service
        self.community, self.prosumers = str(about["community"]), tuple(about["prosumers"])
        self.step_s = 3600.0 * float(about["timestep_h"])
        self.valid_s = VALID_STEPS * self.step_s
        self._caps: Mapping[str, list[float | None]] = about["dead_stop"]

    def decide(self, now_s: float) -> dict[str, Any]:
        """Return what devices are told now.

        Args:
            now_s: s since 1970.
        """
        try:
            told = self._service.step(self.mailbox.observation(now_s))
        except ServiceError as fault:
            return self.dead_stop(str(fault), now_s)
        rows = zip(*(told[name] for name in SET_POINTS), strict=True)
        reasons = [reason["text"] for reason in told["reasons"]]
        return self._message(told["mode"], told["step"], list(rows), reasons, now_s)

    def dead_stop(self, why: str, now_s: float | None) -> dict[str, Any]:
        """Return the caps that hold every limit whatever is measured, with batteries at a standstill.

        Args:
            why: One sentence.
            now_s: s since 1970; None for a message that is written now and sent some day.
        """
        caps = zip(self._caps["generation_cap_kw"], self._caps["load_cap_kw"], strict=True)
        return self._message("dead-stop", None, [(0.0, None, None, *pair) for pair in caps], [why], now_s)

    def safe_caps(self, prosumer: str) -> tuple[float | None, float | None]:
        """Return the caps of the dead stop for one prosumer, kW, of generation and load; None for none."""
        place = self.prosumers.index(prosumer)
        return self._caps["generation_cap_kw"][place], self._caps["load_cap_kw"][place]

    def run(self, tell: Callable[[dict[str, Any]], None], stop: threading.Event) -> None:
        """Decide at every step of the wall clock until `stop` is set: a step of 15 min at :00, :15, :30 and :45."""
        while not stop.wait(self.step_s - time.time() % self.step_s):
            tell(self.decide(time.time()))

    def _message(
        self, mode: str, step: int | None, rows: list[tuple[Any, ...]], reasons: list[str], now_s: float | None
    ) -> dict[str, Any]:
        told = {name: dict(zip(SET_POINTS, row, strict=True)) for name, row in zip(self.prosumers, rows, strict=True)}
        until = None if now_s is None else now_s + self.valid_s
        return {"mode": mode, "step": step, "time_s": now_s, "until_s": until, "reasons": reasons, "prosumers": told}

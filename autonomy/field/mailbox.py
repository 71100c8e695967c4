"""The last measurement of everything, and how old it is: what is too old is not known."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from math import isfinite
from typing import Any

from autonomy.errors import did_you_mean
from autonomy.layers.errors import ModelError

OF_PROSUMER = ("demand_kw", "pv_kw", "soc", "applied_battery_kw")
"""Measured at each prosumer, with units as in `Observation`."""
OF_ALL = ("feeder_kw", "retail_price", "feed_in_price", "carbon_kg_per_kwh")
"""Known once for the community."""
PRICES = ("retail_price", "feed_in_price", "carbon_kg_per_kwh")
"""Published, not measured: they grow old more slowly."""
CLOCK_ERROR_S = 2.0
"""Seconds by which a device's clock may be ahead of this one's."""


class Mailbox:
    """Keeps the last value of every field. Safe to use from several threads.

    Args:
        prosumers: (N,) names, in the order of the community.
        max_age_s: Seconds after which a measurement is not known any more.
        price_age_s: The same for prices and carbon intensity.

    Raises:
        ModelError: an age is no number of seconds > 0.
    """

    def __init__(self, prosumers: Sequence[str], *, max_age_s: float, price_age_s: float = 86400.0) -> None:
        for name, age in (("max_age_s", max_age_s), ("price_age_s", price_age_s)):
            if not 0.0 < age < float("inf"):
                raise ModelError(name, age, "seconds > 0")
        self.prosumers = tuple(prosumers)
        self._max_age_s, self._price_age_s = max_age_s, price_age_s
        self._kept: dict[tuple[str, str], tuple[float | None, float]] = {}
        self._lock = threading.Lock()

    def put(self, field: str, prosumer: str, value: float | None, measured_s: float) -> None:
        """Keep a value, unless a newer one is kept already.

        Args:
            field: One of `OF_PROSUMER` or `OF_ALL`.
            prosumer: Whose; empty for a field of all.
            value: In the unit of the field; None for a meter that says it does not know.
            measured_s: When, s since 1970.

        Raises:
            ModelError: there is no such field or prosumer.
        """
        known = OF_PROSUMER if prosumer else OF_ALL
        if field not in known:
            raise ModelError("field", field, f"one of {', '.join(known)}{did_you_mean(field, known)}")
        if prosumer and prosumer not in self.prosumers:
            raise ModelError("prosumer", prosumer, f"a name of the community{did_you_mean(prosumer, self.prosumers)}")
        usable = value if value is not None and isfinite(value) else None
        with self._lock:
            before = self._kept.get((field, prosumer))
            if before is None or before[1] <= measured_s:
                self._kept[field, prosumer] = usable, measured_s

    def observation(self, now_s: float) -> dict[str, Any]:
        """Return what is known now as an observation: None for what is unknown or too old.

        Args:
            now_s: s since 1970.
        """
        with self._lock:
            kept = dict(self._kept)

        def known(field: str, prosumer: str = "") -> float | None:
            value, measured_s = kept.get((field, prosumer), (None, now_s))
            most = self._price_age_s if field in PRICES else self._max_age_s
            return value if -CLOCK_ERROR_S <= now_s - measured_s <= most else None

        found: dict[str, Any] = {name: [known(name, prosumer) for prosumer in self.prosumers] for name in OF_PROSUMER}
        found.update({name: known(name) for name in OF_ALL})
        found["time"] = datetime.fromtimestamp(now_s).astimezone().isoformat(timespec="milliseconds")
        if not any(value is not None for value in found["applied_battery_kw"]):
            found["applied_battery_kw"] = None
        return found

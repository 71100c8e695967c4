"""Generation against the sun: what a clear sky could have given at this time of the year and day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import ArrayLike, Matrix, all_true, frozen, frozen_vector, require
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause
from autonomy.layers.errors import ModelError
from autonomy.layers.supervision.monitors.accuracy import Accuracy
from autonomy.layers.supervision.monitors.naming import members, named
from autonomy.layers.supervision.reading import Instant
from autonomy.layers.supervision.watch import Doubt, Loss, Sight

DAYS = 366
DAY_S = 86400


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class SunTable:
    """The most that PV can deliver, by day of the year and time of the day; `autonomy.clearsky` makes one.

    Attributes:
        most: (366, S) kW per kW of peak, the day in S equal parts by UTC; >= 0.
        utc_offset_h: h, added to UTC by the clock that times without an offset are of (−8 in California).

    Raises:
        ModelError: the table has another shape, or a value below 0.
    """

    most: Matrix
    utc_offset_h: float = 0.0

    def __post_init__(self) -> None:
        table = frozen(self.most)
        if table.ndim != 2 or table.shape[0] != DAYS or table.shape[1] < 24:
            raise ModelError("most", f"an array of shape {table.shape}", f"an array of shape ({DAYS}, S), S >= 24")
        if not all_true(table >= 0):
            raise ModelError("most", float(table.min()), "numbers >= 0")
        object.__setattr__(self, "most", table)

    def at(self, instant: Instant) -> float:
        """Return kW per kW of peak at a point in time."""
        seconds = instant.seconds if instant.is_aware else instant.seconds - 3600.0 * self.utc_offset_h
        moment = np.datetime64(int(seconds), "s")
        day = int((moment.astype("datetime64[D]") - moment.astype("datetime64[Y]")).astype(int))
        slots = self.most.shape[1]
        return float(self.most[day, int(seconds % DAY_S * slots // DAY_S)])


class ClearSky:
    """Doubts generation beyond what the sun can give; only with a table and a peak.

    Statement: g <= peak·most(time), read within power_error and power_resolution_kw. The table bounds a roof of any
    slope and direction under any sky, and is as wide as a time step (see `autonomy.clearsky`), so at night it is 0.
    Nothing is said in a step without a time.

    Args:
        community: Whose roofs.
        accuracy: What the host states about itself.
        table: See `SunTable`.
        pv_peak_kw: (N,) kW of modules; inf where unknown, which then is bounded at night only.
    """

    def __init__(self, community: Community, accuracy: Accuracy, *, table: SunTable, pv_peak_kw: ArrayLike) -> None:
        peak = frozen_vector("pv_peak_kw", pv_peak_kw, community.n_prosumers)
        require("pv_peak_kw", peak, peak >= 0, "kW >= 0, or inf where it is unknown")
        self._table, self._accuracy = table, accuracy
        # Nothing times a peak that nobody knows is nothing.
        self._peak_kw = np.minimum(peak, np.finfo(np.float64).max / 16)

    def reset(self) -> None:
        """Forget every step seen; there is nothing to forget."""

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        """Return whose roof delivers more than the sun."""
        if sight.reading is None or sight.reading.instant is None:
            return ()
        share = self._table.at(sight.reading.instant)
        most_kw = self._peak_kw * (share * (1.0 + self._accuracy.power_error)) + self._accuracy.power_resolution_kw
        measured = sight.situation.pv_kw
        hit = ~(measured <= most_kw)
        if not hit.any():
            return ()
        worst = int(np.argmax(np.where(hit, measured - most_kw, -np.inf)))
        text = (
            f"pv_kw of {named(hit)} is more than the sun gives: {measured[worst]:.3f} kW, "
            f"at most {most_kw[worst]:.3f} kW at this time"
        )
        return (Doubt(cause=Cause.CLEAR_SKY, text=text, loss=Loss.METER, prosumers=members(hit)),)

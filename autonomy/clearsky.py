"""How much a roof can deliver at most, by day and hour: the table of the monitor `ClearSky`, made with pvlib."""

from __future__ import annotations

from math import ceil

import numpy as np

from autonomy.errors import OptionalDependencyError
from autonomy.layers.arrays import Matrix
from autonomy.layers.errors import ModelError
from autonomy.layers.supervision.monitors.clear_sky import DAYS, SunTable

MINUTES = 5
"""Minutes of a part of the day in the table."""
SLOTS = 24 * 60 // MINUTES
CLEANEST_AIR = 1.0
"""Linke turbidity of air without water and dust: no real sky is clearer."""
ALBEDO = 0.25
"""Share of light that the ground throws back; grass 0.2, concrete 0.3, fresh snow 0.8."""
MARGIN = 1.3
"""Times the light of a clear sky: cloud edges that add to it, modules that are colder than 25 °C."""
STANDARD_W_PER_M2 = 1000.0
"""Irradiance at which a module delivers its peak."""


def sun_table(
    *,
    latitude: float,
    longitude: float,
    timestep_h: float,
    altitude_m: float = 0.0,
    utc_offset_h: float = 0.0,
    margin: float = MARGIN,
) -> SunTable:
    """Return the most that PV of any slope and direction can deliver under any sky at a place.

        most = margin·(DNI + DHI + albedo·GHI)/1000 W/m²

    in kW per kW of peak, DNI, DHI and GHI of the clear sky of Ineichen and Perez [Ineichen2002] in the cleanest air
    that there can be: no module sees more than the beam straight on, all of the sky, and what the ground throws back.
    Each entry is the largest over one time step before and after and over the neighbouring days, so it does not matter
    whether a stamp is of a step's start or end, and in which year.

    Args:
        latitude: Degrees, + = north.
        longitude: Degrees, + = east.
        timestep_h: Hours, the step of the community.
        altitude_m: Metres above the sea.
        utc_offset_h: Hours added to UTC by the clock that times without an offset are of.
        margin: See `MARGIN`.

    Raises:
        ModelError: the place is none, or a number is not positive.
        OptionalDependencyError: pvlib is not installed.
    """
    for name, value, largest in (("latitude", latitude, 90.0), ("longitude", longitude, 180.0)):
        if not -largest <= value <= largest:
            raise ModelError(name, value, f"degrees in -{largest:g}..{largest:g}")
    for name, value in (("timestep_h", timestep_h), ("margin", margin)):
        if not 0 < value < np.inf:
            raise ModelError(name, value, "a number > 0")
    light = _clear_sky(latitude, longitude, altitude_m).reshape(-1)
    around = ceil(timestep_h * 60 / MINUTES) + 1
    widest = _largest_around(light, around).reshape(DAYS, SLOTS)
    days = np.maximum(widest, np.maximum(np.roll(widest, 1, axis=0), np.roll(widest, -1, axis=0)))
    return SunTable(most=margin * days / STANDARD_W_PER_M2, utc_offset_h=utc_offset_h)


def _clear_sky(latitude: float, longitude: float, altitude_m: float) -> Matrix:
    """Return (366 * SLOTS,) W/m² that a module could see, every five minutes of a leap year by UTC."""
    try:
        import pandas as pd  # noqa: PLC0415 - optional, and slow to import
        from pvlib import atmosphere, clearsky, irradiance, solarposition  # noqa: PLC0415
    except ImportError:
        raise OptionalDependencyError("a clear-sky table", "clearsky") from None
    times = pd.date_range("2024-01-01", periods=DAYS * SLOTS, freq=f"{MINUTES}min", tz="UTC")
    sun = solarposition.get_solarposition(times, latitude, longitude, altitude=altitude_m)
    pressure = atmosphere.alt2pres(altitude_m)
    air_mass = atmosphere.get_absolute_airmass(atmosphere.get_relative_airmass(sun["apparent_zenith"]), pressure)
    beyond = irradiance.get_extra_radiation(times)
    sky = clearsky.ineichen(sun["apparent_zenith"], air_mass, CLEANEST_AIR, altitude=altitude_m, dni_extra=beyond)
    light = sky["dni"] + sky["dhi"] + ALBEDO * sky["ghi"]
    found: Matrix = np.nan_to_num(np.asarray(light, dtype=np.float64))
    return np.maximum(found, 0.0)


def _largest_around(values: Matrix, reach: int) -> Matrix:
    """Return the largest of each value and its `reach` neighbours on both sides, end and beginning being neighbours."""
    rounded = np.concatenate((values[-reach:], values, values[:reach]))
    largest: Matrix = np.lib.stride_tricks.sliding_window_view(rounded, 2 * reach + 1).max(axis=1)
    return largest

"""What batteries, connections and lines can do in one step, before anything is measured.

The community's own ratings are worked out once; a step that brings `Limits` gets a rating of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autonomy.layers import physics, rounding
from autonomy.layers.arrays import Mask, Matrix, Vector, frozen
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause
from autonomy.layers.errors import did_you_mean
from autonomy.layers.observation import GRID_LIMIT_FIELDS, LIMIT_FIELDS, Limits
from autonomy.layers.situation import LARGEST_KW, Capacity
from autonomy.layers.storage import Storage
from autonomy.layers.supervision.inbox import IMPLAUSIBLE_PRICE, ROUNDING_SOC, Inbox

SMALLEST_FUSE_KW = 10.0
"""kW that every home is taken to be wired for, whatever the limits of the lines above it."""
FIELDS = ("pv_kw", "demand_kw", "soc", "retail_price", "feed_in_price")
"""The required fields, in the order in which they stand in a block of measurements."""

NO_GRID_LIMIT = (float("inf"), float("inf"))
"""kW that a grid without limits of its own delivers and takes."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Rating:
    """The limits of one step.

    Attributes:
        charge_limit_kw: (N,) kW, P⁺.
        discharge_limit_kw: (N,) kW, P⁻.
        storage: The batteries; no power where they may not be used.
        soc_min: (N,) fraction.
        soc_max: (N,) fraction.
        can_curtail: (N,) whether the host can reduce generation; None for everybody.
        can_shed: (N,) whether the host can reduce load; None for everybody.
        plausible_kw: (N,) kW, see `physics.plausible_power_kw`; K is at most what the lines above carry, but at least
            `SMALLEST_FUSE_KW`.
        lowest: (5, N) the least that `FIELDS` may be without any doubt.
        highest: (5, N) the most.
        stores: (19, N) lowest, highest and the batteries in one block, as `autonomy.solvers.kernel.room.glance` reads
            them.
        capacity: What connections and lines carry.
        charge_floor_kw: (N,) kW that a battery is to be charged with at least; None for no floors.
    """

    charge_limit_kw: Vector
    discharge_limit_kw: Vector
    storage: Storage
    soc_min: Vector
    soc_max: Vector
    can_curtail: Mask | None
    can_shed: Mask | None
    plausible_kw: Vector
    lowest: Matrix
    highest: Matrix
    stores: Matrix
    capacity: Capacity
    charge_floor_kw: Vector | None = None


class Ratings:
    """Makes the ratings of one community."""

    def __init__(self, community: Community) -> None:
        self.community = community
        network = community.network
        # Frozen, because what is worked out from an object of `Capacity` is remembered.
        # Rounded down: even a loss that a float of the limit cannot show takes something.
        delivered = rounding.added(network.import_limit_kw, -network.worst_case_loss_kw)
        self._import_limit = frozen(np.maximum(delivered, 0.0))
        self._fair_import = physics.fair_share_kw(network, self._import_limit)
        self._fair_export = physics.fair_share_kw(network, network.export_limit_kw)
        # Without a connection limit nothing is wired for more than the lines above it, however small they are now.
        carried = np.maximum(network.import_limit_kw, network.export_limit_kw)
        self._line_limit = np.maximum(physics.least_above(network, carried), SMALLEST_FUSE_KW)
        one = np.ones(community.n_prosumers)
        self._defaults = {name: getattr(community, name, one) for name in RATED}
        self._capacity = self._connected(frozen(community.connection_limit_kw))
        self._island: tuple[tuple[float, ...], Capacity] = NO_GRID_LIMIT, self._capacity
        self.default = self._derive(self._defaults, self._capacity)

    def of_step(self, limits: Any, inbox: Inbox) -> Rating:
        """Return the community's rating, overridden by the usable entries of `Limits` or a mapping."""
        if limits is None:
            return self.default
        values, entries = dict(self._defaults), _entries(limits, inbox)
        grid = tuple(_grid_limit(name, entries.pop(name, None), inbox) for name in GRID_LIMIT_FIELDS)
        floor = _charge_floor(entries.pop("charge_floor_kw", None), inbox)
        for name, value in entries.items():
            array = inbox.as_vector(f"limits.{name}", value)
            if array is None:
                continue
            low, high = BOUNDS[name]
            good = (low <= array) & (array <= high)
            if name.endswith("limit_kw") and name != "connection_limit_kw":
                good &= np.isfinite(array)
            if not good.all():
                text = f"limits.{name} is out of range; the community's value is used"
                inbox.doubt(Cause.LIMITS_REJECTED, text, ~good)
            values[name] = np.where(good, array, values[name])
        crossed = values["soc_min"] > values["soc_max"]
        if crossed.any():
            text = "limits.soc_min is above soc_max; the community's band is used"
            inbox.doubt(Cause.LIMITS_REJECTED, text, crossed)
            for name in ("soc_min", "soc_max"):
                values[name] = np.where(crossed, self._defaults[name], values[name])
        rating = self._derive(values, self._capacity_of(values["connection_limit_kw"], grid))
        return rating if floor is None else replace(rating, charge_floor_kw=floor)

    def _capacity_of(self, connection: Vector, grid: tuple[float, ...]) -> Capacity:
        # The same object for as long as it is the community's own or an outage goes on: much is derived from it.
        if connection is not self._defaults["connection_limit_kw"]:
            return self._limited(self._connected(frozen(connection)), grid)
        if grid != self._island[0]:
            self._island = grid, self._limited(self._capacity, grid)
        return self._capacity if grid == NO_GRID_LIMIT else self._island[1]

    def _connected(self, connection: Vector) -> Capacity:
        return Capacity(
            connection_limit_kw=connection,
            import_limit_kw=self._import_limit,
            export_limit_kw=self.community.network.export_limit_kw,
            fair_import_kw=frozen(np.minimum(self._fair_import, connection)),
            fair_export_kw=frozen(np.minimum(self._fair_export, connection)),
        )

    def _limited(self, capacity: Capacity, grid: tuple[float, ...]) -> Capacity:
        """Return the capacity with a feeder that carries no more than the grid delivers and takes."""
        if grid == NO_GRID_LIMIT:
            return capacity
        network, connection = self.community.network, capacity.connection_limit_kw
        feeder = int(np.argmin(network.parent))
        imports, exports = capacity.import_limit_kw.copy(), capacity.export_limit_kw.copy()
        # What the lines lose comes from the grid too, or, in an outage, from whatever forms the island's voltage.
        delivered = rounding.added(np.asarray(grid[0]), -network.worst_case_loss_kw[feeder])
        imports[feeder] = min(imports[feeder], max(float(delivered), 0.0))
        exports[feeder] = min(exports[feeder], grid[1])
        return Capacity(
            connection_limit_kw=connection,
            import_limit_kw=frozen(imports),
            export_limit_kw=frozen(exports),
            fair_import_kw=frozen(np.minimum(physics.fair_share_kw(network, imports), connection)),
            fair_export_kw=frozen(np.minimum(physics.fair_share_kw(network, exports), connection)),
        )

    def _derive(self, values: Mapping[str, Vector], capacity: Capacity) -> Rating:
        connection = capacity.connection_limit_kw
        charge, discharge = values["charge_limit_kw"], values["discharge_limit_kw"]
        active, curtail, shed = (values[name].astype(bool) for name in ("active", "can_curtail", "can_shed"))
        fuse = np.minimum(connection, self._line_limit)
        plausible = np.minimum(physics.plausible_power_kw(fuse, charge, discharge), LARGEST_KW)
        lowest, highest = self._certain(values["soc_min"], values["soc_max"], plausible)
        capacity_kwh = self.community.battery_capacity_kwh
        storage = Storage.of(
            energy_min_kwh=values["soc_min"] * capacity_kwh,
            energy_max_kwh=values["soc_max"] * capacity_kwh,
            charge_limit_kw=np.where(active, np.minimum(charge, LARGEST_KW), 0.0),
            discharge_limit_kw=np.where(active, np.minimum(discharge, LARGEST_KW), 0.0),
            charge_efficiency=values["charge_efficiency"],
            discharge_efficiency=values["discharge_efficiency"],
            timestep_h=self.community.timestep_h,
            retention=self.community.retention if self.community.has_self_discharge else None,
        )
        levels = (capacity_kwh, storage.energy_max_kwh, storage.energy_min_kwh)
        rates = storage.power_limit_kw, storage.yield_, storage.hours
        return Rating(
            charge_limit_kw=charge,
            discharge_limit_kw=discharge,
            storage=storage,
            soc_min=values["soc_min"],
            soc_max=values["soc_max"],
            can_curtail=None if curtail.all() else curtail,
            can_shed=None if shed.all() else shed,
            plausible_kw=plausible,
            lowest=lowest,
            highest=highest,
            stores=frozen(np.concatenate((lowest, highest, levels, *rates))),
            capacity=capacity,
        )

    def _certain(self, soc_min: Vector, soc_max: Vector, plausible_kw: Vector) -> tuple[Matrix, Matrix]:
        """Return what demand, generation, SoC and the two prices may be without any doubt; see `Inbox`."""
        lowest, highest = np.zeros((2, len(FIELDS), plausible_kw.size))
        highest[:2] = plausible_kw
        has_battery = self.community.has_battery
        # Any number will do where there is no battery.
        lowest[2] = np.where(has_battery, np.maximum(soc_min - ROUNDING_SOC, 0.0), -np.finfo(np.float64).max)
        highest[2] = np.where(has_battery, np.minimum(soc_max + ROUNDING_SOC, 1.0), np.finfo(np.float64).max)
        lowest[3:], highest[3:] = -IMPLAUSIBLE_PRICE, IMPLAUSIBLE_PRICE
        return lowest, highest


BOUNDS = {
    "charge_limit_kw": (0.0, np.inf),
    "discharge_limit_kw": (0.0, np.inf),
    "soc_min": (0.0, 1.0),
    "soc_max": (0.0, 1.0),
    "charge_efficiency": (1e-6, 1.0),
    "discharge_efficiency": (1e-6, 1.0),
    "connection_limit_kw": (0.0, np.inf),
    "active": (0.0, 1.0),
    "can_curtail": (0.0, 1.0),
    "can_shed": (0.0, 1.0),
}
"""Smallest and largest usable value of each limit."""
RATED = tuple(BOUNDS)
"""Limits that replace a value of the community."""


def _grid_limit(name: str, value: Any, inbox: Inbox) -> float:
    """Return a limit of the grid in kW, inf for none or for one that is unusable."""
    if value is None:
        return float(np.inf)
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.zeros(0)
    if array.ndim != 0:
        inbox.doubt(Cause.LIMITS_REJECTED, f"limits.{name} is no number; the network's limit is used")
        return float(np.inf)
    limit = float(array)
    if not limit >= 0.0:
        inbox.doubt(Cause.LIMITS_REJECTED, f"limits.{name} is out of range; the network's limit is used")
        return float(np.inf)
    return limit


def _charge_floor(value: Any, inbox: Inbox) -> Vector | None:
    """Return the floors in kW, -inf where there is none or an unusable one; None where nobody has one."""
    array = None if value is None else inbox.as_vector("limits.charge_floor_kw", value)
    if array is None:
        return None
    good = array <= LARGEST_KW
    if not good.all():
        text = "limits.charge_floor_kw is out of range; there is no floor"
        inbox.doubt(Cause.LIMITS_REJECTED, text, ~good)
    floor = np.where(good, array, -np.inf)
    return floor if np.isfinite(floor).any() else None


def _entries(limits: Any, inbox: Inbox) -> dict[str, Any]:
    if limits is None:
        return {}
    if isinstance(limits, Limits):
        entries = {name: getattr(limits, name) for name in LIMIT_FIELDS}
    elif isinstance(limits, Mapping):
        entries = {str(key): value for key, value in limits.items()}
    else:
        inbox.doubt(Cause.LIMITS_REJECTED, f"limits is a {type(limits).__name__}; expected a Limits or a mapping")
        return {}
    for name in entries:
        if name not in LIMIT_FIELDS:
            hint = did_you_mean(name, LIMIT_FIELDS)
            inbox.doubt(Cause.FIELD_UNKNOWN, f"limits has an unknown field {name!r}{hint}; it is ignored")
    return {name: value for name, value in entries.items() if name in LIMIT_FIELDS and value is not None}

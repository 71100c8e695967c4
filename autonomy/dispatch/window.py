"""What is known of a window, checked, with the limits that hold in each step: the data of the program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from autonomy.assets.step import community_at, energy_at_arrival_kwh
from autonomy.assets.timeline import Timeline
from autonomy.dispatch.errors import DispatchError
from autonomy.dispatch.toll import toll_per_kwh
from autonomy.economics import Economics
from autonomy.layers import physics
from autonomy.layers.arrays import Index, Mask, Vector
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError


class Window(Protocol):
    """T known steps of N prosumers; `autonomy.scenario.Scenario` is one.

    `demand_kw` and `pv_kw` are (T, N) kW, `retail_price` and `feed_in_price` (T,) currency/kWh, `carbon_kg_per_kwh`
    (T,) kg/kWh, `timestep_h` hours. With a capacity tariff `time`, (T,) `datetime64` of when each step begins, is
    needed as well.
    """

    @property
    def demand_kw(self) -> Vector: ...  # noqa: D102  # described above
    @property
    def pv_kw(self) -> Vector: ...  # noqa: D102
    @property
    def retail_price(self) -> Vector: ...  # noqa: D102
    @property
    def feed_in_price(self) -> Vector: ...  # noqa: D102
    @property
    def carbon_kg_per_kwh(self) -> Vector: ...  # noqa: D102
    @property
    def timestep_h(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Problem:
    """A window with everything that its optimum depends on.

    Attributes:
        community: Whose batteries and network.
        economics: Prices that are not tariffs.
        timeline: What EVs, outages and derating change; None for nothing.
        held: The community with the limits that hold in each of T steps.
        demand_kw: (T, N) kW.
        pv_kw: (T, N) kW available.
        retail_price: (T,) currency/kWh.
        feed_in_price: (T,) currency/kWh.
        carbon_kg_per_kwh: (T,) kg/kWh.
        import_price: (T,) currency/kWh, retail and what the CO2 costs.
        toll: (T,) currency that a kWh traded between neighbours costs the community, `toll_per_kwh`.
        charge_limit_kw: (T, N) kW.
        discharge_limit_kw: (T, N) kW.
        energy_min_kwh: (T, N) kWh, lower end of the band.
        energy_max_kwh: (T, N) kWh, upper end of the band.
        import_limit_kw: (T, M) kW, each line's limit less its worst-case losses.
        export_limit_kw: (T, M) kW.
        drive_kwh: (T, N) kWh that EVs take from what is stored at the start of a step.
        required_kwh: (T, N) kWh that EVs should leave with at the end of a step, -inf where none leaves.
        month: (T,) number of the calendar month, from 0 on; all 0 where nothing depends on it.
        initial_kwh: (N,) kWh stored at the start, before what EVs drove until then.
        previous_kw: (N,) battery power of the step before.
        terminal_price: Currency/kWh stored at the end.
        initial_slices_kwh: (N, J) kWh in each slice of the batteries at the start, see `autonomy.assets.wear`; None for
            batteries that were charged without anything drawn since.
        initial_peak_kw: kW, the highest import of the first month before the window; only what is above it is paid for.
    """

    community: Community
    economics: Economics
    timeline: Timeline | None
    held: tuple[Community, ...]
    demand_kw: Vector
    pv_kw: Vector
    retail_price: Vector
    feed_in_price: Vector
    carbon_kg_per_kwh: Vector
    import_price: Vector
    toll: Vector
    charge_limit_kw: Vector
    discharge_limit_kw: Vector
    energy_min_kwh: Vector
    energy_max_kwh: Vector
    import_limit_kw: Vector
    export_limit_kw: Vector
    drive_kwh: Vector
    required_kwh: Vector
    month: Index
    initial_kwh: Vector
    previous_kw: Vector
    terminal_price: float
    initial_slices_kwh: Vector | None = None
    initial_peak_kw: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        """(T, N)."""
        return self.demand_kw.shape[0], self.demand_kw.shape[1]

    def arrived_kwh(self, step: int, energy_kwh: Vector) -> Vector:
        """Return (N,) kWh stored at the start of a step, after what EVs drove."""
        if self.timeline is None:
            return energy_kwh
        return energy_at_arrival_kwh(self.timeline, step, self.community, energy_kwh)

    @property
    def can_store(self) -> Mask:
        """(N,) whose battery can be discharged in some step."""
        found: Mask = (self.discharge_limit_kw > 0).any(axis=0) & self.community.has_battery
        return found


def known_problem(
    community: Community,
    window: Window,
    *,
    economics: Economics,
    energy_kwh: Vector,
    previous_battery_kw: Vector | None = None,
    timeline: Timeline | None = None,
) -> Problem:
    """Return a window's problem.

    Raises:
        ModelError: an input has the wrong shape or is out of its range.
        DispatchError: a trade fee meets a feed-in price above the retail price, for which there is no market.
    """
    if not abs(window.timestep_h - community.timestep_h) <= 1e-9 * community.timestep_h:
        raise ModelError("timestep_h", window.timestep_h, f"the community's {community.timestep_h} h")
    steps, size = len(window.demand_kw), community.n_prosumers
    if steps == 0:
        raise ModelError("demand_kw", "an empty window", "at least one step")
    if timeline is not None and (timeline.n_steps, timeline.n_prosumers) != (steps, size):
        found = timeline.n_steps, timeline.n_prosumers
        raise ModelError("timeline", found, f"{steps} steps of {size} prosumers, as the window has")
    wide, long = (steps, size), (steps,)
    retail = measured("retail_price", window.retail_price, long, -np.inf)
    feed_in = measured("feed_in_price", window.feed_in_price, long, -np.inf)
    carbon = measured("carbon_kg_per_kwh", window.carbon_kg_per_kwh, long, 0.0)
    previous = np.zeros(size) if previous_battery_kw is None else previous_battery_kw
    if economics.trade_fee_per_kwh > 0 and not (feed_in <= retail).all():
        raise DispatchError("there is no market with a trade fee where the feed-in price is above the retail price.")
    timeline = None if timeline is None or timeline.is_empty else timeline
    held = tuple(community if timeline is None else community_at(timeline, step, community) for step in range(steps))
    given = economics.terminal_price_per_kwh
    return Problem(
        community=community,
        economics=economics,
        timeline=timeline,
        held=held,
        demand_kw=measured("demand_kw", window.demand_kw, wide, 0.0),
        pv_kw=measured("pv_kw", window.pv_kw, wide, 0.0),
        retail_price=retail,
        feed_in_price=feed_in,
        carbon_kg_per_kwh=carbon,
        import_price=retail + economics.carbon_price_per_kg * carbon,
        toll=toll_per_kwh(retail, feed_in, economics.trade_fee_per_kwh),
        charge_limit_kw=np.array([x.charge_limit_kw for x in held]),
        discharge_limit_kw=np.array([x.discharge_limit_kw for x in held]),
        energy_min_kwh=np.array([x.energy_min_kwh for x in held]),
        energy_max_kwh=np.array([x.energy_max_kwh for x in held]),
        import_limit_kw=np.array([x.network.import_limit_kw - x.network.worst_case_loss_kw for x in held]),
        export_limit_kw=np.array([x.network.export_limit_kw for x in held]),
        drive_kwh=np.zeros(wide) if timeline is None or timeline.drive_kwh is None else timeline.drive_kwh,
        required_kwh=_required(timeline, wide),
        month=_months(window, steps) if economics.capacity_price_per_kw > 0 else np.zeros(steps, dtype=np.int64),
        initial_kwh=measured("energy_kwh", energy_kwh, (size,), 0.0),
        previous_kw=measured("previous_battery_kw", previous, (size,), -np.inf),
        terminal_price=float(retail.min()) if given is None else given,
    )


def path_kwh(problem: Problem, battery_kw: Vector) -> tuple[Vector, Vector]:
    """Return (T, N) kWh stored at the start of each step, after what EVs drove, and (T, N) kWh at its end."""
    before, after, energy = np.empty(problem.shape), np.empty(problem.shape), problem.initial_kwh
    for step, power in enumerate(battery_kw):
        before[step] = problem.arrived_kwh(step, energy)
        energy = physics.rated_energy_after_kwh(problem.community, before[step], power)
        after[step] = energy
    return before, after


def measured(field: str, values: Vector, shape: tuple[int, ...], least: float) -> Vector:
    """Return the values as float64, all finite and at least `least`."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        raise ModelError(field, f"an array of shape {array.shape}", f"an array of shape {shape}")
    passed = np.isfinite(array) & (array >= least)
    if not passed.all():
        worst = tuple(int(axis) for axis in np.argwhere(~passed)[0])
        expected = "a finite number" + (f" >= {least:g}" if np.isfinite(least) else "")
        raise ModelError(f"{field}[{', '.join(map(str, worst))}]", float(array[worst]), expected)
    return array


def _required(timeline: Timeline | None, shape: tuple[int, int]) -> Vector:
    if timeline is None or timeline.departing is None or timeline.required_kwh is None:
        return np.full(shape, -np.inf)
    return np.where(timeline.departing, timeline.required_kwh, -np.inf)


def _months(window: Window, steps: int) -> Index:
    """Return (T,) which calendar month each step begins in, as the capacity tariff counts them."""
    time = getattr(window, "time", None)
    if time is None or len(time) != steps:
        raise ModelError("time", time if time is None else len(time), f"when each of {steps} steps begins")
    month = np.asarray(time).astype("datetime64[M]").astype(np.int64)
    months: Index = np.concatenate(([0], np.cumsum(month[1:] != month[:-1]))).astype(np.int64)
    return months

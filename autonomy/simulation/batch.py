"""B communities at once as arrays: physics, Layers 2 and 3, auction, settlement and reward.

    rows of the data ─▶ see() ─▶ decide ─▶ physics ─▶ auction ─▶ ledger ─▶ next rows

Every row is what `Controller` and `Simulator` do for one community, to the last bit, and no row knows of another: B is
1 or 64, the numbers are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autonomy.assets.memory import CostMemory
from autonomy.assets.timeline import Timeline
from autonomy.economics import Economics
from autonomy.layers import physics
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.ledger import Flows, Prices, ledger_of, overload_kw
from autonomy.market import clear_many
from autonomy.scenario import Scenario
from autonomy.simulation.decider import (
    BATTERY,
    CURTAIL,
    DEMAND,
    FEED_IN,
    GENERATION_CAP,
    LOAD_CAP,
    PRICE,
    PV,
    RETAIL,
    SHED,
    SOC,
    TRADE,
    BatchDecider,
    Decided,
    Stack,
)
from autonomy.simulation.outcome import BatchOutcome
from autonomy.simulation.world import World
from autonomy.simulator import INITIAL_SOC

Rows = NDArray[np.int64]


class BatchSimulator:
    """B copies of one community, each over a window of one series of data.

    Args:
        community: What is simulated.
        windows: Windows of equal length of one series; an episode is one of them.
        batch: B.
        economics: Prices that are not tariffs.
        timeline: What EVs, outages and derating change in each step of the series; None for nothing.
        backend: Projection backend of the rows that are looked at one by one.
        explained: Whether every row is decided by a controller, with mode and reasons.

    Raises:
        ModelError: the windows do not fit each other or the community, or batch is below 1.
    """

    def __init__(
        self,
        community: Community,
        windows: Sequence[Scenario],
        *,
        batch: int = 1,
        economics: Economics | None = None,
        timeline: Timeline | None = None,
        backend: str = "exact",
        explained: bool = False,
    ) -> None:
        _check(community, windows, batch, timeline)
        self.community, self.windows, self.batch = community, tuple(windows), batch
        self.economics = economics or Economics()
        self._series, self.n_steps = windows[0].series, windows[0].n_steps
        self._starts = np.array([window.start for window in windows])
        self._lowest_retail = np.array([float(window.retail_price.min()) for window in windows])
        self.world, self._explained = World(community, timeline), explained
        self._decider = BatchDecider(community, self.world.limits, backend=backend)
        start = np.clip(INITIAL_SOC, community.soc_min, community.soc_max)
        self.reset(np.zeros(batch, dtype=np.int64), np.tile(start, (batch, 1)))

    def reset(self, window: Rows, soc: Stack, rows: Rows | None = None) -> None:
        """Begin an episode in the given rows, or in all.

        Args:
            window: (R,) which of the windows.
            soc: (R, N) fraction of the capacity to begin with.
            rows: (R,) which rows; None for all.
        """
        if rows is None:
            shape = (self.batch, self.community.n_prosumers)
            self.window, self.row = np.zeros(self.batch, dtype=np.int64), np.zeros(self.batch, dtype=np.int64)
            self.step_number = np.zeros(self.batch, dtype=np.int64)
            self.initial_kwh, self.energy_kwh, self.battery_kw = np.zeros(shape), np.zeros(shape), np.zeros(shape)
            self._memory = CostMemory(self.community, self.economics, (self.batch,))
            rows = np.arange(self.batch)
        self.window[rows], self.row[rows], self.step_number[rows] = window, self._starts[window], 0
        self.initial_kwh[rows] = soc * self.community.battery_capacity_kwh
        self.energy_kwh[rows] = self.world.arrived_kwh(self.row[rows], self.initial_kwh[rows])
        self.battery_kw[rows] = 0.0
        self._memory.begin(self.energy_kwh[rows], rows)

    @property
    def soc(self) -> Stack:
        """(B, N) stored energy as a fraction of the capacity; 0 where there is no battery."""
        capacity = self.community.battery_capacity_kwh
        return np.divide(self.energy_kwh, capacity, out=np.zeros(self.energy_kwh.shape), where=capacity > 0)

    @property
    def terminal_value(self) -> Stack:
        """(B,) currency, value of the energy stored now beyond what was stored at the start, see `Economics`."""
        given = self.economics.terminal_price_per_kwh
        price = self._lowest_retail[self.window] if given is None else given
        gained: Stack = price * (self.energy_kwh - self.initial_kwh).sum(axis=1)
        return gained

    def see(self) -> Stack:
        """Return (B, 5, N) what is measured: available generation and demand kW, SoC, retail and feed-in price."""
        seen = np.empty((self.batch, 5, self.community.n_prosumers))
        seen[:, PV], seen[:, DEMAND] = self._series.pv_kw[self.row], self._series.demand_kw[self.row]
        seen[:, SOC] = self.soc
        seen[:, RETAIL] = self._series.retail_price[self.row][:, None]
        seen[:, FEED_IN] = self._series.feed_in_price[self.row][:, None]
        return seen

    def step(self, intent: Stack) -> BatchOutcome:
        """Let Layers 2 and 3 make what they must of the intents, execute, match, settle, and go to the next step.

        Args:
            intent: (B, N, 3) battery kW (+ = charge), trade kW (+ = sell), price bid in currency/kWh; anything.

        Raises:
            ModelError: the shape is another, or a window is over.
        """
        wishes = np.ascontiguousarray(np.asarray(intent, dtype=np.float64).swapaxes(1, 2))
        if wishes.shape != (self.batch, 3, self.community.n_prosumers):
            raise ModelError("intent", f"an array of shape {np.shape(intent)}", f"shape {self._shape}")
        if (self.step_number >= self.n_steps).any():
            raise ModelError("step_number", int(self.step_number.max()), f"steps below {self.n_steps}; call reset()")
        seen = self.see()
        decided = self._decider.decide(
            seen,
            wishes,
            self.world.which(self.row),
            self.battery_kw,
            floor_kw=self.world.floor_kw(self.row, self.energy_kwh),
            explained=self._explained,
        )
        return self._execute(seen, decided, wishes)

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self.batch, self.community.n_prosumers, 3

    def _execute(self, seen: Stack, decided: Decided, wishes: Stack) -> BatchOutcome:
        community, network, series = self.community, self.community.network, self._series
        pv, demand, block = seen[:, PV], seen[:, DEMAND], decided.block
        battery = block[:, BATTERY].copy()
        generation = physics.left_of(pv, block[:, CURTAIL], block[:, GENERATION_CAP])
        load = physics.left_of(demand, block[:, SHED], block[:, LOAD_CAP])
        net = physics.net_export(generation, load, battery)
        flows = physics.lossy_flows(network, net)
        feeder_kw = flows.upstream_kw[:, int(np.argmin(network.parent))]
        offer = np.clip(block[:, TRADE], np.minimum(net, 0.0), np.maximum(net, 0.0))
        cleared = clear_many(
            offer,
            block[:, PRICE],
            feed_in_price=seen[:, FEED_IN],
            retail_price=seen[:, RETAIL],
            fee=self.economics.trade_fee_per_kwh,
        )
        trade, price = cleared.trade_kw, cleared.price
        shed = demand - load
        loss_kw = flows.loss_kw.sum(axis=-1)
        after = physics.rated_energy_after_kwh(community, self.energy_kwh, battery)
        missing_kwh = self.world.missing_kwh(self.row, after)
        flowed = Flows(
            net_export_kw=net,
            battery_kw=battery,
            shed_kw=shed,
            trade_kw=trade,
            feeder_kw=feeder_kw,
            loss_kw=loss_kw,
            overload_kw=overload_kw(community, pv, demand, wishes[:, 0]),
            worn_kwh=self._memory.worn_kwh(self.energy_kwh, after),
            missing_kwh=missing_kwh,
            peak_rise_kw=self._memory.peak_rise_kw(feeder_kw, (self.step_number > 0) & series.opens_month[self.row]),
        )
        row = self.row
        prices = Prices(price, series.retail_price[row], series.feed_in_price[row], series.carbon_kg_per_kwh[row])
        ledger = ledger_of(community, self.economics, flowed, prices)
        self.battery_kw = battery
        self._go_on(after)
        return BatchOutcome(
            decided=decided,
            battery_kw=battery,
            curtail_kw=pv - generation,
            shed_kw=shed,
            net_export_kw=net,
            line_downstream_kw=flows.downstream_kw,
            line_upstream_kw=flows.upstream_kw,
            feeder_kw=feeder_kw,
            loss_kw=loss_kw,
            energy_kwh=after,
            missing_kwh=np.zeros(after.shape) if missing_kwh is None else missing_kwh,
            trade_kw=trade,
            price=price,
            bill=ledger.bill,
            cost=ledger.cost,
            co2_kg=ledger.co2_kg,
            reward=ledger.reward,
            is_done=self.step_number >= self.n_steps,
        )

    def _go_on(self, after_kwh: Stack) -> None:
        """Go to the next row of the data, with what cars that come back have left."""
        self.step_number += 1
        going = self.step_number < self.n_steps
        self.row += going  # the last row stands for what comes after the window
        arrived = self.world.arrived_kwh(self.row, after_kwh)
        self.energy_kwh = np.where(going[:, None], arrived, after_kwh)
        self._memory.leave(self.energy_kwh)


def _check(community: Community, windows: Sequence[Scenario], batch: int, timeline: Timeline | None) -> None:
    if batch < 1:
        raise ModelError("batch", batch, "a number of communities >= 1")
    if not windows:
        raise ModelError("windows", list(windows), "at least one window")
    first = windows[0]
    if first.names != community.names:
        raise ModelError("windows[0].names", first.names, f"the community's names {community.names}")
    if first.timestep_h != community.timestep_h:
        raise ModelError("windows[0].timestep_h", first.timestep_h, f"{community.timestep_h} h as in the community")
    size = first.series.n_steps, community.n_prosumers
    if timeline is not None and (timeline.n_steps, timeline.n_prosumers) != size:
        found = timeline.n_steps, timeline.n_prosumers
        raise ModelError("timeline", found, f"{size[0]} steps of {size[1]} prosumers, as the whole series has")
    for place, window in enumerate(windows):
        if window.series is not first.series or window.n_steps != first.n_steps:
            expected = f"a window of {first.n_steps} steps of the same series as windows[0]"
            raise ModelError(f"windows[{place}]", window.label, expected)

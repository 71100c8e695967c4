"""An explanation as data: T steps of one policy, from which picture, tables and sentences are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autonomy.layers.arrays import Vector


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Attribution:
    """Which inputs the wanted power is attributed to, by integrated gradients. NaN in steps without an answer.

    Attributes:
        groups: Names of the G groups.
        kw: (T, G) kW, what each group adds to the power wanted at the baseline.
        baseline_kw: (T,) kW wanted at the baseline, + = charge.
        gap_kw: (T,) kW by which baseline and attributions together miss what was wanted.
        told: (T, 2, G) the number each group is told of by, in the step and at the baseline; see `groups.told`.
        baseline: What the baseline is, in words.
    """

    groups: tuple[str, ...]
    kw: Vector
    baseline_kw: Vector
    gap_kw: Vector
    told: Vector
    baseline: str


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Account:
    """What T steps cost under one way to run the batteries.

    Attributes:
        step_cost: (T,) currency, all that `Economics` counts but the value of stored energy.
        terminal_value: Currency, value of the energy stored at the end beyond that at the start.
    """

    step_cost: Vector
    terminal_value: float

    @property
    def cost(self) -> float:
        """Currency, the cost of all steps."""
        return float(self.step_cost.sum() - self.terminal_value)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Explanation:
    """What a policy wanted, what the layers made of it, and what that earned.

    Attributes:
        title: The community's name.
        policy: The policy's name.
        weights: Title of the card of its weights; empty where it has none.
        forecast: The kind of forecast that it was told.
        currency: Symbol or code, for labels.
        time: (T,) start of each step.
        timestep_h: Hours of a step.
        load_kw: (T,) kW, demand less available generation of the community.
        retail_price: (T,) currency/kWh.
        feed_in_price: (T,) currency/kWh.
        power_kw: kW, what all batteries can charge or discharge at most, whichever is more.
        wanted_kw: (T,) kW that the policy wanted of all batteries, each within its rated power, + = charge; NaN where
            it had no intent.
        executed_kw: (T,) kW that the batteries were given.
        moved_kw: (T,) kW, Σ |executed − wanted| over the batteries; 0 for a watt and less.
        curtailed_kw: (T,) kW of generation cut.
        shed_kw: (T,) kW of load cut.
        mode: (T,) `Mode` values as text.
        reason: T texts, why something was changed; empty where nothing was.
        soc: (T + 1,) Σ stored energy / Σ capacity, 0..1; NaN without a battery.
        account: What it cost.
        grid_only: What doing nothing would have cost.
        optimum: What the perfect-foresight optimum would have cost, None where it is not known.
        attribution: None where the policy is no learned one.
        no_attribution: Why there is none, or in how many steps; empty where all are there.
    """

    title: str
    policy: str
    weights: str
    forecast: str
    currency: str
    time: NDArray[np.datetime64]
    timestep_h: float
    load_kw: Vector
    retail_price: Vector
    feed_in_price: Vector
    power_kw: float
    wanted_kw: Vector
    executed_kw: Vector
    moved_kw: Vector
    curtailed_kw: Vector
    shed_kw: Vector
    mode: NDArray[np.str_]
    reason: tuple[str, ...]
    soc: Vector
    account: Account
    grid_only: Account
    optimum: Account | None
    attribution: Attribution | None
    no_attribution: str

    @property
    def changed_kw(self) -> Vector:
        """(T,) kW that the layers changed in all: battery powers, generation and load cut."""
        changed: Vector = np.nan_to_num(self.moved_kw) + self.curtailed_kw + self.shed_kw
        return changed

    @property
    def saved(self) -> Vector:
        """(T,) currency saved in each step against doing nothing; an hour that charges from the grid costs."""
        saved: Vector = self.grid_only.step_cost - self.account.step_cost
        return saved

    @property
    def achievable_share(self) -> float:
        """(grid-only cost − cost)/(grid-only cost − optimum), NaN where it is not defined."""
        achievable = self.grid_only.cost - self.optimum.cost if self.optimum is not None else 0.0
        return (self.grid_only.cost - self.account.cost) / achievable if achievable > 0 else float("nan")

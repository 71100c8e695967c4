"""Long sequences with true physics: ramps, meters that fail and return, limits that change from step to step."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from autonomy import Community, Controller, Network
from tests.specification import broken_rules
from tests.strategies import ANY_FLOAT, FINE_KW, intents

COMMUNITY = Community(
    battery_capacity_kwh=[10.0, 6.4, 0.3],
    charge_limit_kw=[5.0, 92.816623, 1.0],
    discharge_limit_kw=[4.0, 3.0, 39.141451],
    charge_efficiency=[0.95, 0.7, 1.0],
    discharge_efficiency=[0.9, 1.0, 0.6],
    soc_min=[0.1, 0.0, 0.3],
    soc_max=[0.95, 1.0, 0.7],
    ramp_limit_kw=[0.7, np.inf, 0.3],
    connection_limit_kw=[12.0, np.inf, 4.0],
    network=Network(
        parent=[-1, 0], bus_of_prosumer=[0, 1, 1], import_limit_kw=[6.0, 3.3], export_limit_kw=[5.0, 2.7182818]
    ),
    timestep_h=0.25,
)
SIZE = COMMUNITY.n_prosumers
READING = Fraction(1, 2**52)
"""Of the capacity: what a reading of the state of charge is off, because it is a float."""


class LongRun(RuleBasedStateMachine):
    """Energies are kept as exact fractions; the controller sees them as floats, when it sees them."""

    @initialize(levels=st.lists(st.floats(0.0, 1.0), min_size=SIZE, max_size=SIZE))
    def start(self, levels: list[float]) -> None:
        self.answer: Any = np.zeros((SIZE, 3))
        self.controller = Controller(COMMUNITY, policy=lambda community, observation: self.answer, monitors=())
        self.capacity = [Fraction(float(x)) for x in COMMUNITY.battery_capacity_kwh]
        self.energy = [Fraction(level) * size for level, size in zip(levels, self.capacity, strict=True)]
        self.blind_to: dict[str, set[int]] = {"demand_kw": set(), "pv_kw": set(), "soc": set()}
        self.limits: dict[str, Any] = {}
        self.before = np.zeros(SIZE)
        self.was_inside = [False] * SIZE

    @rule(channel=st.sampled_from(["demand_kw", "pv_kw", "soc"]), whom=st.integers(0, SIZE - 1))
    def a_meter_fails(self, channel: str, whom: int) -> None:
        self.blind_to[channel].add(whom)

    @precondition(lambda self: any(self.blind_to.values()))
    @rule()
    def every_meter_returns(self) -> None:
        for failed in self.blind_to.values():
            failed.clear()

    @rule(data=st.data())
    def limits_change(self, data: st.DataObject) -> None:
        columns = {
            "charge_limit_kw": st.floats(0.0, 6.0),
            "discharge_limit_kw": st.floats(0.0, 6.0),
            "connection_limit_kw": st.floats(0.5, 9.0),
            "active": st.sampled_from([0.0, 1.0]),
        }
        names = data.draw(st.lists(st.sampled_from(sorted(columns)), unique=True))
        self.limits = {name: [data.draw(columns[name]) for _ in range(SIZE)] for name in names}

    @rule(
        data=st.data(),
        demand=st.lists(FINE_KW, min_size=SIZE, max_size=SIZE),
        pv=st.lists(FINE_KW, min_size=SIZE, max_size=SIZE),
    )
    def a_step(self, data: st.DataObject, demand: list[float], pv: list[float]) -> None:
        self.answer = data.draw(st.one_of(intents(SIZE), intents(SIZE, ANY_FLOAT)))
        seen = {"demand_kw": np.array(demand), "pv_kw": np.array(pv), "soc": self.reading()}
        for channel, failed in self.blind_to.items():
            seen[channel][list(failed)] = data.draw(st.sampled_from([np.nan, np.inf, -7.0, 1e308]))
        sent = {**seen, "retail_price": np.full(SIZE, 0.3), "feed_in_price": np.full(SIZE, 0.1), "limits": self.limits}
        decision = self.controller.step(sent)
        assert broken_rules(COMMUNITY, sent, decision, before=self.before) == []
        after = [self.charged(i, Fraction(float(decision.battery_kw[i]))) for i in range(SIZE)]
        for i, energy in enumerate(after):
            assert self.out_by(i, energy) <= max(self.out_by(i, self.energy[i]), READING * self.capacity[i])
        self.energy, self.before = after, decision.battery_kw

    def reading(self) -> Any:
        return np.array([float(e / size) for e, size in zip(self.energy, self.capacity, strict=True)])

    def charged(self, i: int, battery: Fraction) -> Fraction:
        hours = Fraction(COMMUNITY.timestep_h)
        if battery >= 0:
            return self.energy[i] + hours * Fraction(float(COMMUNITY.charge_efficiency[i])) * battery
        return self.energy[i] + hours * battery / Fraction(float(COMMUNITY.discharge_efficiency[i]))

    def out_by(self, i: int, energy: Fraction) -> Fraction:
        """Return by how much an energy is outside its band."""
        low, high = (Fraction(float(x[i])) * self.capacity[i] for x in (COMMUNITY.soc_min, COMMUNITY.soc_max))
        return max(low - energy, energy - high, Fraction(0))

    @invariant()
    def who_has_been_inside_the_band_stays_there(self) -> None:
        if not hasattr(self, "energy"):
            return
        for i, energy in enumerate(self.energy):
            is_inside = self.out_by(i, energy) <= READING * self.capacity[i]
            assert is_inside or not self.was_inside[i]
            self.was_inside[i] = is_inside


TestLongRun = LongRun.TestCase
TestLongRun.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)

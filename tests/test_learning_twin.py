"""The torch twin against the simulator: the same intents cost the same, and gradients are those of the cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Network, Scenario, Simulator
from autonomy.demo import demo_series
from autonomy.economics import Economics
from autonomy.learning.features import community_features
from autonomy.learning.gates import OUTPUTS, TRADE
from autonomy.learning.gradient.module import Module
from autonomy.learning.gradient.projection import Projection
from autonomy.learning.gradient.twin import Twin
from autonomy.learning.policy import LearnedPolicy
from autonomy.learning.views import battery_of, features_of_series, view_of
from autonomy.rollout import replay, roll_out
from autonomy.variation import Place, Variation, varied
from tests.strategies import communities, scenarios

TREE = Network(
    parent=[-1, 0, 0, 2],
    bus_of_prosumer=[1, 1, 2, 3, 3],
    import_limit_kw=[9.0, 5.0, 6.0, 4.0],
    export_limit_kw=[7.0, 4.0, 5.0, 3.0],
    resistance_ohm=[0.02, 0.05, 0.05, 0.08],
)
BATTERIES: dict[str, Any] = {
    "battery_capacity_kwh": [10.0, 6.4, 0.0, 8.0, 5.0],
    "charge_limit_kw": [5.0, 3.0, 0.0, 4.0, 2.0],
    "discharge_limit_kw": [4.0, 3.0, 0.0, 4.0, 2.5],
    "charge_efficiency": [0.95, 0.9, 1.0, 0.92, 0.97],
    "discharge_efficiency": [0.9, 0.95, 1.0, 0.9, 0.93],
    "soc_min": 0.1,
}
HOUSES = demo_series().names[:5]


def place(economics: Economics | None = None, **changes: Any) -> Place:
    community = Community(**BATTERIES, network=TREE, names=HOUSES, **changes)
    year = demo_series()
    data = replace(year, demand_kw=year.demand_kw[:, :5], pv_kw=year.pv_kw[:, :5], names=HOUSES, sha256="")
    return Place(community=community, year=Scenario.whole(data), economics=economics or Economics())


PLACES = {
    "the demo": lambda: varied(Variation()),
    "a tree with losses": place,
    "ramps": lambda: place(ramp_limit_kw=1.5),
    "connections": lambda: place(connection_limit_kw=3.0),
    "self-discharge": lambda: place(self_discharge_per_h=0.01),
    "a trade fee, carbon and wear": lambda: place(
        Economics(trade_fee_per_kwh=0.03, carbon_price_per_kg=0.2, wear_per_kwh=0.03, terminal_price_per_kwh=0.1)
    ),
    "a capacity tariff": lambda: place(Economics(capacity_price_per_kw=5.0)),
}


def module(seed: int) -> Module:
    drawn = Module(torch.Generator().manual_seed(seed))
    with torch.no_grad():
        drawn.last[:TRADE] *= 10.0  # decisions of every kind, not nearly the same one everywhere
        drawn.last[TRADE:] = 0.0  # all that is left is offered, at one price, as the twin takes it
        drawn.last_bias.copy_(torch.tensor([1.0, -1.0, -1.5, 40.0, 0.0], dtype=torch.float64))
    return drawn


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_week_costs_the_same_in_the_twin_and_in_the_simulator(name: str, seed: int) -> None:
    there, brain = PLACES[name](), module(seed)
    window = there.year.window(24 * (21 + 90 * seed), 24 * 7)
    features = features_of_series(there)
    brain.scale_to(features)
    simulator = Simulator(there.community, window, economics=there.economics)
    simulator.reset()
    energy = torch.from_numpy(simulator.energy_kwh.copy())[None]
    with torch.no_grad():
        played = Twin(there).play(brain, torch.from_numpy(features), np.array([window.start]), window.n_steps, energy)
    policy = LearnedPolicy([brain.network()], there.economics)
    run = roll_out(simulator, Controller(there.community, policy=policy, monitors=()), name="learned")
    assert policy.fault == ""
    assert float(played.cost) == pytest.approx(replay(simulator, run).cost, rel=1e-6)  # all matched that can be
    if name == "the demo" and not float(played.shed_kwh):
        assert float(played.cost) == pytest.approx(run.cost, rel=1e-6)
    assert float(played.shed_kwh) == pytest.approx(run.shed_kw.sum() * there.community.timestep_h, abs=1e-2)
    np.testing.assert_allclose(played.energy_kwh[0], run.energy_kwh[-1], atol=1e-3)


def test_features_of_a_series_are_those_of_its_observations() -> None:
    there = place()
    series = features_of_series(there)
    battery = battery_of(there.community)
    for start in (0, 5, 200, 4000, there.year.n_steps - 3):
        observation = Simulator(there.community, there.year.window(start, 2), economics=there.economics).observe()
        view = view_of(there.community, observation, there.economics, battery)
        np.testing.assert_allclose(community_features(view), series[start], rtol=1e-12, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_network_in_numpy_is_the_network_in_torch(data: st.DataObject) -> None:
    community = data.draw(communities())
    there = Place(community=community, year=data.draw(scenarios(community, min_steps=24)), economics=Economics())
    brain = module(data.draw(st.integers(0, 99)))
    random = np.random.default_rng(0)
    features = features_of_series(there)
    stored, own = random.random(len(features)), random.normal(size=(len(features), community.n_prosumers, 3))
    with torch.no_grad():
        expected = brain(
            brain.of_community(torch.from_numpy(features)), torch.from_numpy(stored), torch.from_numpy(own)
        )
    found = brain.network().outputs(features, stored, own)
    assert found.shape == (len(features), community.n_prosumers, OUTPUTS)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-9, atol=1e-9)
    again = Module.of(brain.network()).network()
    assert all(
        (getattr(again, name) == getattr(brain.network(), name)).all() for name in ("first", "last_bias", "scale")
    )


def test_the_gradient_of_the_projection_is_that_of_finite_differences() -> None:
    there = place(connection_limit_kw=3.0)
    project, random = Projection(there.community), np.random.default_rng(3)
    pv, demand = random.random((6, 5)) * 4, random.random((6, 5)) * 4
    wanted = torch.from_numpy(random.normal(size=(6, 5)) * 3).requires_grad_()
    lower = torch.from_numpy(-random.random((6, 5)) * 3).requires_grad_()
    upper = torch.from_numpy(random.random((6, 5)) * 3).requires_grad_()

    def answered(*given: torch.Tensor) -> torch.Tensor:
        return torch.stack(project(given[0], (given[1], given[2]), pv, demand))

    assert torch.autograd.gradcheck(answered, (wanted, lower, upper), eps=1e-7, atol=1e-5, rtol=1e-4)


def test_the_gradient_of_a_day_is_that_of_finite_differences() -> None:
    there, brain = place(), module(2)
    features = torch.from_numpy(features_of_series(there))
    brain.scale_to(features.numpy())
    twin, first = Twin(there), np.array([2000, 3000])
    energy = torch.from_numpy(np.tile(there.community.energy_max_kwh / 2, (2, 1)))

    def cost() -> torch.Tensor:
        return twin.play(brain, features, first, 24, energy).cost.sum()

    cost().backward()
    slope = float((brain.last_bias.grad**2).sum())
    step = 1e-6
    with torch.no_grad():
        for _ in range(2):
            brain.last_bias += step * brain.last_bias.grad
            above = float(cost())
            brain.last_bias -= 2 * step * brain.last_bias.grad
            below = float(cost())
            brain.last_bias += step * brain.last_bias.grad
    assert (above - below) / (2 * step) == pytest.approx(slope, rel=1e-3)


def test_who_changes_the_order_of_prosumers_changes_the_order_of_the_answers() -> None:
    there, policy = varied(Variation(homes=6, seed=9)), LearnedPolicy([module(4).network()])
    order = np.array([3, 0, 5, 1, 4, 2])
    simulator = Simulator(there.community, there.year.window(3000, 2), economics=there.economics)
    simulator.energy_kwh = there.community.energy_max_kwh * np.linspace(0.2, 0.9, 6)
    seen = simulator.observe()
    forecast = seen.forecast
    assert forecast is not None
    tables = {name: getattr(forecast, name)[:, order] for name in ("demand_kw", "pv_kw")}
    tables |= {
        f"{a}_{b}_kw": getattr(forecast, f"{a}_{b}_kw")[:, order] for a in ("demand", "pv") for b in ("low", "high")
    }
    turned = replace(
        seen,
        demand_kw=seen.demand_kw[order],
        pv_kw=seen.pv_kw[order],
        soc=seen.soc[order],
        forecast=replace(forecast, **tables),
    )
    one, other = policy(there.community, seen), policy(there.community, turned)
    assert policy.fault == ""
    for name in ("battery_kw", "trade_kw", "price_bid"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name)[order], rtol=1e-9, atol=1e-9)

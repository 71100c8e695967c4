"""The perfect-foresight optimum: hand-worked windows, a replay in plain loops, and an independent CVXPY formulation."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.dispatch import Dispatch, DispatchError, optimal_dispatch
from autonomy.economics import Economics
from autonomy.layers import physics
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.layers.network import Network

FREE = Economics(carbon_price_per_kg=0.0, wear_per_kwh=0.0, value_of_lost_load_per_kwh=3.0, terminal_price_per_kwh=0.0)


@dataclass(frozen=True)
class Known:
    demand_kw: np.ndarray
    pv_kw: np.ndarray
    retail_price: np.ndarray
    feed_in_price: np.ndarray
    carbon_kg_per_kwh: np.ndarray
    timestep_h: float = 1.0


def known(demand, pv, retail, feed_in, carbon=0.0, timestep_h=1.0):
    """A window of one home from lists, or of several from (T, N) arrays."""
    demand = np.asarray(demand, dtype=float)
    demand = demand if demand.ndim == 2 else demand[:, None]
    pv, steps = np.asarray(pv, dtype=float), len(demand)
    pv = pv[:, None] if pv.ndim == 1 else pv
    return Known(
        demand,
        np.broadcast_to(pv, demand.shape),
        *(np.broadcast_to(np.asarray(price, dtype=float), (steps,)) for price in (retail, feed_in, carbon)),
        timestep_h,
    )


def home(*, import_limit_kw=np.inf, export_limit_kw=np.inf, capacity=0.0, power=0.0, timestep_h=1.0, **battery):
    return Community(
        battery_capacity_kwh=capacity,
        charge_limit_kw=power,
        discharge_limit_kw=power,
        network=Network.single_feeder(n_prosumers=1, import_limit_kw=import_limit_kw, export_limit_kw=export_limit_kw),
        timestep_h=timestep_h,
        **battery,
    )


def best(community, window, economics=FREE, energy=0.0, previous=0.0):
    size = community.n_prosumers
    return optimal_dispatch(
        community,
        window,
        economics=economics,
        energy_kwh=np.full(size, energy) if np.ndim(energy) == 0 else energy,
        previous_battery_kw=np.full(size, previous) if np.ndim(previous) == 0 else previous,
    )


def replay(community, window, economics, energy, previous, plan: Dispatch):
    """Execute a plan in plain loops; return its cost and the worst broken limit in kW or kWh."""
    dt, cost, worst = community.timestep_h, 0.0, 0.0
    energy, previous = list(energy), list(previous)
    begin = sum(energy)
    for t in range(len(window.demand_kw)):
        net = []
        for i in range(community.n_prosumers):
            b, c, s = float(plan.battery_kw[t, i]), float(plan.curtail_kw[t, i]), float(plan.shed_kw[t, i])
            energy[i] += dt * (community.charge_efficiency[i] * b if b > 0 else b / community.discharge_efficiency[i])
            n = (window.pv_kw[t, i] - c) - (window.demand_kw[t, i] - s) - b
            worst = max(
                worst,
                energy[i] - community.energy_max_kwh[i],
                community.energy_min_kwh[i] - energy[i],
                b - community.charge_limit_kw[i],
                -b - community.discharge_limit_kw[i],
                abs(b - previous[i]) - community.ramp_limit_kw[i],
                -c,
                c - window.pv_kw[t, i],
                -s,
                s - window.demand_kw[t, i],
                abs(n) - community.connection_limit_kw[i],
            )
            previous[i] = b
            cost += dt * (economics.wear_per_kwh * abs(b) + economics.value_of_lost_load_per_kwh * s)
            net.append(n)
        network = community.network
        for line in range(network.n_lines):
            flow = sum(n for i, n in enumerate(net) if line in network.lines_above[i])
            tightened = network.import_limit_kw[line] - network.worst_case_loss_kw[line]
            worst = max(worst, flow - network.export_limit_kw[line], -tightened - flow)
        grid, carbon = sum(net), economics.carbon_price_per_kg * window.carbon_kg_per_kwh[t]
        price = window.retail_price[t] + carbon if grid < 0 else window.feed_in_price[t]
        cost -= dt * price * grid
    terminal = economics.terminal_price_per_kwh
    terminal = min(window.retail_price) if terminal is None else terminal
    return cost - terminal * (sum(energy) - begin), worst


# Worked by hand ------------------------------------------------------------------------------------------------------


def test_a_battery_charges_cheap_and_discharges_dear_by_hand():
    # 1 kWh served at the dear hour needs 1/0.8 kWh stored and 1/0.8/0.9 kWh bought at the cheap hour. Storing more for
    # the end would cost (0.1 + 0.01)/0.9 a kWh and be worth 0.1 (the terminal price is the lowest retail price).
    economics = Economics(carbon_price_per_kg=0.0, wear_per_kwh=0.01)
    community = home(capacity=10.0, power=5.0, charge_efficiency=0.9, discharge_efficiency=0.8)
    plan = best(community, known([1.0, 1.0], 0.0, [0.1, 0.5], 0.0), economics)
    bought = 1 / 0.8 / 0.9
    np.testing.assert_allclose(plan.battery_kw[:, 0], [bought, -1.0], rtol=1e-9)
    assert plan.objective == pytest.approx(0.1 * (1 + bought) + 0.01 * (bought + 1), rel=1e-12)
    assert (plan.method, plan.binaries) == ("LP (exclusive)", 0)
    assert plan.bound == pytest.approx(plan.objective, rel=1e-12)


def test_half_hour_steps_halve_the_energy():
    community = home(capacity=10.0, power=5.0, timestep_h=0.5)
    plan = best(community, known([0.0, 2.0], 0.0, [0.1, 0.5], 0.0, timestep_h=0.5))
    np.testing.assert_allclose(plan.battery_kw[:, 0], [2.0, -2.0], rtol=1e-9)
    assert plan.objective == pytest.approx(0.5 * 2.0 * 0.1, rel=1e-12)


def test_an_import_limit_forces_shedding_and_a_battery_avoids_it():
    window = known([1.0, 5.0], 0.0, 0.2, 0.0)
    alone = best(home(import_limit_kw=3.0), window)
    np.testing.assert_allclose(alone.shed_kw[:, 0], [0.0, 2.0], atol=1e-9)
    assert alone.objective == pytest.approx(0.2 * (1 + 3) + 3.0 * 2, rel=1e-12)
    helped = best(home(import_limit_kw=3.0, capacity=10.0, power=5.0), window)
    np.testing.assert_allclose(helped.shed_kw, 0.0, atol=1e-9)
    assert helped.objective == pytest.approx(0.2 * 6, rel=1e-12)


def test_an_export_limit_forces_curtailment():
    plan = best(home(export_limit_kw=3.0), known([0.0], [5.0], 0.2, 0.1))
    assert plan.curtail_kw[0, 0] == pytest.approx(2.0, rel=1e-9)
    assert plan.objective == pytest.approx(-0.3, rel=1e-12)


def test_carbon_is_paid_on_imports_only():
    window = known([1.0, 0.0], [0.0, 1.0], 0.2, 0.1, carbon=0.5)
    plan = best(home(), window, Economics(carbon_price_per_kg=0.1, terminal_price_per_kwh=0.0))
    assert plan.objective == pytest.approx(0.2 + 0.1 * 0.5 - 0.1, rel=1e-12)


def test_a_neighbour_s_surplus_is_free():
    community = Community(
        battery_capacity_kwh=0.0,
        charge_limit_kw=0.0,
        discharge_limit_kw=0.0,
        network=Network.single_feeder(n_prosumers=2),
    )
    plan = best(community, known(np.array([[3.0, 0.0]]), np.array([[0.0, 2.0]]), 0.4, 0.06))
    assert plan.objective == pytest.approx(0.4, rel=1e-12)


def test_charging_and_discharging_at_once_is_refused_where_burning_energy_would_pay():
    # At -0.5 a kWh imports are paid for. 0.25 kWh fit into the battery, so it charges 0.5 kW; the linear program would
    # charge 1 kW and discharge at the same time.
    community = home(capacity=2.0, power=1.0, charge_efficiency=0.5, discharge_efficiency=0.5)
    plan = best(community, known([0.0], 0.0, -0.5, -1.0), energy=1.75)
    assert plan.battery_kw[0, 0] == pytest.approx(0.5, rel=1e-9)
    assert plan.objective == pytest.approx(-0.25, rel=1e-9)
    # That a full battery stores nothing, whatever it gives off at the same time, is what the pair implies.
    assert (plan.method, plan.binaries) == ("LP (tightened)", 0)
    assert plan.gap <= 1e-9


def test_importing_and_exporting_at_once_is_refused_where_the_tariff_would_pay_for_it():
    plan = best(home(), known([2.0], [5.0], 0.1, 0.5))
    assert plan.objective == pytest.approx(-1.5, rel=1e-9)
    assert (plan.method, plan.binaries) == ("MILP", 1)


def test_the_first_step_ramps_from_the_power_before_the_window():
    plan = best(home(capacity=10.0, power=5.0, ramp_limit_kw=1.0), known([3.0, 3.0], 0.0, 0.4, 0.0), energy=5.0)
    np.testing.assert_allclose(plan.battery_kw[:, 0], [-1.0, -2.0], rtol=1e-9)


def test_where_ramp_and_full_battery_do_not_meet_the_soc_wins_as_in_the_physics():
    # From 5 kW, at most 1 kW less each step: 4, 3, 2, ... but only 6 kWh fit, so 4, then the 2 that fit, then 0.
    community = home(capacity=10.0, power=5.0, ramp_limit_kw=1.0)
    plan = best(community, known([1.0] * 4, 0.0, 0.4, 0.0), energy=4.0, previous=5.0)
    np.testing.assert_allclose(plan.battery_kw[:, 0], [4.0, 2.0, 0.0, -1.0], atol=1e-9)


def test_a_battery_outside_its_band_is_not_forced_back():
    community = home(capacity=10.0, power=5.0, soc_min=0.5)
    plan = best(community, known([1.0, 1.0], 0.0, 0.4, 0.0), energy=3.0)
    np.testing.assert_allclose(plan.battery_kw, 0.0, atol=1e-9)
    assert plan.objective == pytest.approx(0.8, rel=1e-12)


def test_limits_that_nothing_can_keep_raise_a_sentence():
    community = home(capacity=100.0, power=5.0, ramp_limit_kw=1.0, import_limit_kw=2.0)
    with pytest.raises(DispatchError, match="infeasible"):
        best(community, known([0.0], 0.0, 0.4, 0.0), previous=5.0)


@pytest.mark.parametrize(
    ("field", "window"),
    [
        ("demand_kw", known([np.nan], 0.0, 0.4, 0.0)),
        ("demand_kw", known([[1.0, 1.0]], 0.0, 0.4, 0.0)),
        ("pv_kw", known([1.0], -1.0, 0.4, 0.0)),
        ("retail_price", known([1.0], 0.0, np.inf, 0.0)),
        ("carbon_kg_per_kwh", known([1.0], 0.0, 0.4, 0.0, carbon=-1.0)),
        ("timestep_h", known([1.0], 0.0, 0.4, 0.0, timestep_h=0.25)),
        ("demand_kw", known(np.zeros((0, 1)), np.zeros((0, 1)), 0.4, 0.0)),
    ],
)
def test_a_wrong_window_is_named(field, window):
    with pytest.raises(ModelError, match=field):
        best(home(), window)


# Against other methods -----------------------------------------------------------------------------------------------


@st.composite
def cases(draw, most_prosumers=3, most_steps=5):
    """Small communities on random trees, with whatever limits, and a window; previous power 0, energy in the band."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size, steps = draw(st.integers(1, most_prosumers)), draw(st.integers(1, most_steps))
    lines = draw(st.integers(1, 3))
    loose = draw(st.booleans())
    resistance = 0.0 if draw(st.booleans()) else rng.uniform(0, 0.5, lines)
    network = Network(
        parent=np.array([-1, *(rng.integers(0, k) for k in range(1, lines))]),
        bus_of_prosumer=rng.integers(0, lines, size),
        import_limit_kw=rng.uniform(1, 4, lines) * (2 if loose else 1) + 1,
        export_limit_kw=rng.uniform(1, 3, lines),
        resistance_ohm=resistance,
    )
    power = rng.uniform(0.5, 3, size) * (rng.random(size) < 0.8)
    community = Community(
        battery_capacity_kwh=rng.uniform(2, 6, size) * (power > 0),
        charge_limit_kw=power,
        discharge_limit_kw=0.8 * power,
        charge_efficiency=rng.uniform(0.7, 1, size),
        discharge_efficiency=rng.uniform(0.7, 1, size),
        soc_min=0.1,
        soc_max=0.9,
        ramp_limit_kw=rng.uniform(0.3, 2, size) if draw(st.booleans()) else np.inf,
        connection_limit_kw=rng.uniform(2, 4, size) if draw(st.booleans()) else np.inf,
        network=network,
        timestep_h=draw(st.sampled_from([0.25, 1.0])),
    )
    retail = rng.uniform(0.1, 0.5, steps)
    window = known(
        rng.uniform(0, 3, (steps, size)),
        rng.uniform(0, 4, (steps, size)) * (rng.random((steps, 1)) < 0.6),
        retail,
        retail * rng.uniform(-0.5, 1, steps),
        rng.uniform(0, 0.4, steps),
        community.timestep_h,
    )
    energy = rng.uniform(community.energy_min_kwh, community.energy_max_kwh)
    economics = Economics(terminal_price_per_kwh=draw(st.sampled_from([None, 0.0, 0.2])))
    return community, window, economics, energy


def with_cvxpy(community, window, economics, energy):
    """Write the same model once more, line by line from the design, and let another solver find its optimum."""
    import cvxpy as cp  # noqa: PLC0415

    steps, size = window.demand_kw.shape
    dt, network = community.timestep_h, community.network
    charge, discharge, curtail, shed = (cp.Variable((steps, size), nonneg=True) for _ in range(4))
    stored = cp.Variable((steps + 1, size))
    battery = charge - discharge
    net = (window.pv_kw - curtail) - (window.demand_kw - shed) - battery
    limits = [curtail <= window.pv_kw, shed <= window.demand_kw, stored[0] == energy]
    for i in range(size):
        limits += [
            charge[:, i] <= community.charge_limit_kw[i],
            discharge[:, i] <= community.discharge_limit_kw[i],
            stored[1:, i] >= community.energy_min_kwh[i],
            stored[1:, i] <= community.energy_max_kwh[i],
            stored[1:, i] - stored[:-1, i]
            == dt
            * (community.charge_efficiency[i] * charge[:, i] - discharge[:, i] / community.discharge_efficiency[i]),
        ]
        if np.isfinite(community.connection_limit_kw[i]):
            limits.append(cp.abs(net[:, i]) <= community.connection_limit_kw[i])
        if np.isfinite(community.ramp_limit_kw[i]):
            limits.append(cp.abs(cp.diff(cp.hstack([0.0, battery[:, i]]))) <= community.ramp_limit_kw[i])
    for line in range(network.n_lines):
        below = [i for i in range(size) if line in network.lines_above[i]]
        if below:
            flow = cp.sum(net[:, below], axis=1)
            limits.append(flow <= network.export_limit_kw[line])
            limits.append(-flow <= network.import_limit_kw[line] - network.worst_case_loss_kw[line])
    total = cp.sum(net, axis=1)
    import_price = window.retail_price + economics.carbon_price_per_kg * window.carbon_kg_per_kwh
    grid = cp.multiply(import_price - window.feed_in_price, cp.pos(-total)) - cp.multiply(window.feed_in_price, total)
    terminal = economics.terminal_price_per_kwh
    terminal = window.retail_price.min() if terminal is None else terminal
    cost = dt * cp.sum(grid) + dt * economics.wear_per_kwh * cp.sum(charge + discharge)
    cost += dt * economics.value_of_lost_load_per_kwh * cp.sum(shed) - terminal * cp.sum(stored[-1] - energy)
    problem = cp.Problem(cp.Minimize(cost), limits)
    problem.solve(solver=cp.CLARABEL)
    return float(problem.value), np.minimum(charge.value, discharge.value).max(initial=0.0)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_a_replay_in_plain_loops_costs_what_was_promised_and_breaks_nothing(case):
    community, window, economics, energy = case
    plan = best(community, window, economics, energy)
    cost, worst = replay(community, window, economics, energy, np.zeros(energy.size), plan)
    assert cost == pytest.approx(plan.objective, rel=1e-9, abs=1e-10)
    assert worst <= 1e-8
    assert plan.bound <= plan.objective + 1e-9
    assert plan.gap <= 1e-6
    assert (plan.method in ("LP (exclusive)", "LP (tightened)")) == (plan.binaries == 0)


@settings(max_examples=40, deadline=None)
@given(cases(), st.integers(0, 2**32 - 1))
def test_a_power_before_the_window_that_leaves_no_choice_never_stops_the_search(case, seed):
    community, window, economics, energy = case
    open_network = Network.single_feeder(n_prosumers=community.n_prosumers)
    community = replace(community, network=open_network, connection_limit_kw=np.inf)
    previous = np.random.default_rng(seed).uniform(-1.2, 1.2, energy.size) * community.charge_limit_kw
    plan = best(community, window, economics, energy, previous)
    for t, wanted in enumerate(plan.battery_kw):
        box = physics.rated_box(community, energy, previous)
        assert np.all((box.lower_kw <= wanted) & (wanted <= box.upper_kw)), f"the physics would not execute step {t}"
        stored = np.where(wanted > 0, wanted * community.charge_efficiency, wanted / community.discharge_efficiency)
        energy, previous = energy + community.timestep_h * stored, wanted


@settings(max_examples=25, deadline=None)
@given(cases())
def test_an_independent_formulation_in_cvxpy_finds_the_same_optimum(case):
    community, window, economics, energy = case
    plan = best(community, window, economics, energy)
    relaxed, _ = with_cvxpy(community, window, economics, energy)
    # The independent model lacks exclusivity, so it equals the linear optimum and bounds the mixed-integer one.
    if plan.binaries == 0:
        assert plan.objective == pytest.approx(relaxed, rel=1e-6, abs=1e-6)
    else:
        assert plan.objective >= relaxed - 1e-6


@settings(max_examples=10, deadline=None)
@given(cases(most_prosumers=1, most_steps=3), st.booleans())
def test_no_plan_on_a_coarse_grid_is_cheaper(case, paid_to_import):
    community, window, economics, energy = case
    if paid_to_import:  # where charging and discharging at once would pay
        window = known(
            window.demand_kw, window.pv_kw, -window.retail_price, -2 * window.retail_price, 0.0, window.timestep_h
        )
        economics = FREE
    plan = best(community, window, economics, energy)
    steps = len(window.demand_kw)
    power = np.linspace(-community.discharge_limit_kw[0], community.charge_limit_kw[0], 5)
    choices = [
        [(b, c, s) for b in power for c in (0.0, window.pv_kw[t, 0]) for s in (0.0, window.demand_kw[t, 0])]
        for t in range(steps)
    ]
    for combination in itertools.product(*choices):
        battery, curtail, shed = (np.array(part)[:, None] for part in zip(*combination, strict=True))
        guess = Dispatch(
            battery_kw=battery,
            curtail_kw=curtail,
            shed_kw=shed,
            objective=0.0,
            method="",
            binaries=0,
            gap=0.0,
            seconds=0.0,
            bound=0.0,
        )
        cost, worst = replay(community, window, economics, energy, np.zeros(1), guess)
        if worst <= 0.0:
            assert cost >= plan.objective - 1e-7


@settings(max_examples=15, deadline=None)
@given(cases(), st.floats(0.0, 0.3))
def test_prices_below_zero_never_make_a_battery_run_both_ways(case, wear):
    community, window, _, energy = case
    window = known(
        window.demand_kw, window.pv_kw, -window.retail_price, -2 * window.retail_price, 0.0, window.timestep_h
    )
    economics = Economics(carbon_price_per_kg=0.0, wear_per_kwh=wear, terminal_price_per_kwh=0.0)
    plan = best(community, window, economics, energy)
    cost, worst = replay(community, window, economics, energy, np.zeros(energy.size), plan)
    assert cost == pytest.approx(plan.objective, rel=1e-9, abs=1e-10)
    assert worst <= 1e-8
    relaxed, overlap = with_cvxpy(community, window, economics, energy)
    assert plan.objective >= relaxed - 1e-6
    assert plan.bound <= plan.objective + 1e-9
    if overlap < 1e-9:
        assert plan.objective == pytest.approx(relaxed, rel=1e-5, abs=1e-5)

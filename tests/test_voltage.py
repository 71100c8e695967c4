"""Voltage limits: the physics against two power flow programs, the solver against its certificate and other solvers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autonomy import Community, Network
from autonomy.layers.decision import Cause
from autonomy.layers.errors import ModelError
from autonomy.layers.projection import Projector
from autonomy.layers.projection.voltage_projector import VoltageProjector
from autonomy.layers.supervision import Screen
from autonomy.layers.voltage import VoltageLimits
from autonomy.solvers.allocation import Hierarchy, Relief, Status, allocation
from autonomy.solvers.backends import exact
from autonomy.solvers.general import BARE
from autonomy.solvers.potential import PotentialAllocation, PotentialSolution, certify_potential
from autonomy.solvers.potential_general import GeneralPotentialSolver
from autonomy.solvers.potential_solver import PotentialSolver
from tests.power_flow import Grid, model_voltages, rural_grid, swept_voltages

RELIEF = Relief(drop_price=0.01, lift_price=12.0, smoothing=1e-3)


@pytest.fixture(scope="module")
def rural() -> Grid:
    return rural_grid()


# --- The problem with potentials -------------------------------------------------------------------------------------


@st.composite
def potential_problems(draw: st.DrawFn) -> PotentialAllocation:
    """Small problems with everything that is hard: no width, no room, equal bounds, coefficients of 0, no bounds."""
    groups, cells = draw(st.integers(1, 6)), draw(st.integers(1, 8))

    def column(values: list[float], size: int) -> Any:
        return np.array([draw(st.sampled_from(values)) for _ in range(size)])

    parent = np.array([-1, *(draw(st.integers(-1, k - 1)) for k in range(1, groups))])
    hierarchy = Hierarchy(parent=parent, group_of=np.array([draw(st.integers(0, groups - 1)) for _ in range(cells)]))
    base = np.array([draw(st.integers(-50, 50)) / 10 for _ in range(cells)])
    flow = hierarchy.totals(base)
    coefficient = column([0.0, 1e-3, 5e-3, 1e-2], groups)
    rise = hierarchy.spread(coefficient * flow)
    limits = [0.0, 1.0, 3.0, 10.0, np.inf]
    reach = column([0.0, 2.0, 5.0, np.inf], cells)
    is_bounded = draw(st.booleans())
    plain = allocation(
        hierarchy,
        weight=column([0.1, 1.0, 10.0], cells),
        centre=np.array([draw(st.floats(-6.0, 6.0)) for _ in range(cells)]),
        lower=-column([0.0, 1.0, 5.0], cells),
        upper=column([0.0, 1.0, 5.0], cells),
        drop=np.maximum(base, 0.0) + column([-5.0, 0.0, 3.0], cells).clip(-np.maximum(base, 0.0)),
        lift=np.maximum(-base, 0.0),
        total_lower=-column(limits, groups) - flow,
        total_upper=column(limits, groups) - flow,
        least=-reach - base if is_bounded else None,
        most=reach - base if is_bounded else None,
        relief=RELIEF,
    )
    room = [0.0, 0.01, 0.05, np.inf]
    bounds = np.stack([-column(room, groups) - rise, column(room, groups) - rise])
    return PotentialAllocation(allocation=plain, coefficient=coefficient, potential_bounds=bounds)


def random_problem(seed: int, groups: int, *, tight: float = 0.5) -> PotentialAllocation:
    """A long tree whose potentials would leave their bounds by 1/tight."""
    random = np.random.default_rng(seed)
    parent = np.array([-1, *(k - 1 if random.random() < 0.8 else random.integers(0, k) for k in range(1, groups))])
    hierarchy = Hierarchy(parent=parent, group_of=np.arange(groups))
    need, gift = random.uniform(0.2, 3.0, groups), random.uniform(0.0, 8.0, groups) * (random.random(groups) < 0.7)
    wish, size = random.uniform(-5.0, 5.0, groups), 5.0 * random.random(groups)
    flow = hierarchy.totals(gift - need)
    total = flow + hierarchy.totals(np.clip(wish, -size, size))
    coefficient = random.uniform(0.2, 1.8, groups)
    rise = hierarchy.spread(coefficient * total)
    coefficient *= min(0.2 / rise.max(), 0.2 / -rise.min()) / tight if rise.max() > 0 > rise.min() else 1e-3
    limit = np.abs(total) * random.uniform(0.7, 2.0, groups) + 1.0
    plain = allocation(
        hierarchy,
        centre=wish,
        lower=-size,
        upper=size,
        drop=gift,
        lift=need,
        total_lower=-limit - flow,
        total_upper=limit - flow,
        relief=RELIEF,
    )
    rise = hierarchy.spread(coefficient * flow)
    bounds = np.stack([-0.2 - rise, 0.2 - rise])
    return PotentialAllocation(allocation=plain, coefficient=coefficient, potential_bounds=bounds)


def solve(problem: PotentialAllocation) -> PotentialSolution:
    return PotentialSolver(problem.allocation.hierarchy, problem.coefficient).solve(problem)


def gap_in_fractions(problem: PotentialAllocation, solution: PotentialSolution) -> Fraction:
    """Return f(point) − D(λ, ν, μ), in exact loops straight from the definition of the dual function."""
    plain, tree, exactly = problem.allocation, problem.allocation.hierarchy, Fraction
    alpha, beta = exactly(plain.relief.drop_price), exactly(plain.relief.lift_price)
    smoothing = exactly(plain.relief.smoothing)
    cost = bound = exactly(0)
    prices = [exactly(0)] * tree.n_groups

    def path(group: int) -> list[int]:
        found = []
        while group >= 0:
            found.append(group)
            group = int(tree.parent[group])
        return found

    for group in range(tree.n_groups):
        own, potential = exactly(solution.multipliers[group]), exactly(solution.potential_multipliers[group])
        prices[group] += own
        for around in path(group):
            prices[around] += exactly(problem.coefficient[around]) * potential
        for price, (low, high) in ((own, plain.bounds[:, group]), (potential, problem.potential_bounds[:, group])):
            bound += price * exactly(low if price > 0 else high) if price else 0
    for i in range(tree.n_cells):
        weight, centre, lower, upper, drop, lift = map(exactly, plain.cells[:6, i])
        x, u, v = map(exactly, solution.point[:, i])
        own = exactly(solution.cell_multipliers[i])
        bound += own * exactly(plain.least[i] if own > 0 else plain.most[i]) if own else 0
        p = own + sum(prices[group] for group in path(int(tree.group_of[i])))

        def least(low: Fraction, high: Fraction, curve: Fraction, pull: Fraction) -> Fraction:
            best = min(max(pull / curve, low), high)
            return curve * best * best / 2 - pull * best

        zero = exactly(0)
        bound += weight * centre * centre / 2 + least(lower, upper, weight, weight * centre + p)
        bound += least(zero, drop, smoothing, -alpha - p) + least(zero, lift, smoothing, p - beta)
        cost += weight * (x - centre) ** 2 / 2 + alpha * u + beta * v + smoothing * (u * u + v * v) / 2
    return cost - bound


@settings(max_examples=80, deadline=None)
@given(potential_problems())
def test_every_answer_is_feasible_and_certified_or_has_no_solution(problem: PotentialAllocation) -> None:
    solution = solve(problem)
    assert solution.status in (Status.SOLVED, Status.INFEASIBLE), solution.message
    if solution.status is Status.SOLVED:
        size = 1.0 + np.abs(problem.allocation.hierarchy.totals(solution.point[0] - solution.point[1])).max()
        assert problem.allocation.infeasibility(solution.point) <= 1e-7 * size
        assert problem.excess(solution.point) <= 1e-9 * size
        cost = problem.allocation.objective(solution.point)
        assert abs(certify_potential(problem, solution).gap) <= 1e-6 * (1.0 + cost)
    else:
        assert solution.message


@settings(max_examples=40, deadline=None)
@given(potential_problems())
def test_the_certificate_is_the_definition_in_exact_fractions(problem: PotentialAllocation) -> None:
    solution = solve(problem)
    assume(solution.status is Status.SOLVED)
    found = certify_potential(problem, solution).gap
    scale = problem.allocation.objective(solution.point) + np.abs(solution.multipliers).max() + 1.0
    assert abs(float(gap_in_fractions(problem, solution)) - found) <= 1e-9 * scale


@settings(max_examples=40, deadline=None)
@given(potential_problems(), st.integers(0, 2**32 - 1))
def test_no_multipliers_at_all_put_the_bound_above_a_feasible_cost(problem: PotentialAllocation, seed: int) -> None:
    solution = solve(problem)
    assume(solution.status is Status.SOLVED)
    random = np.random.default_rng(seed)

    def priced(low: Any, high: Any) -> Any:
        price = random.normal(0.0, 3.0, low.size)
        price[((price > 0) & ~np.isfinite(low)) | ((price < 0) & ~np.isfinite(high))] = 0.0
        return price

    plain = problem.allocation
    other = PotentialSolution(
        point=solution.point,
        multipliers=priced(*plain.bounds),
        cell_multipliers=priced(plain.least, plain.most),
        potential_multipliers=priced(*problem.potential_bounds),
        status=Status.SOLVED,
        message="",
    )
    assert certify_potential(problem, other).gap >= -1e-5


@settings(max_examples=40, deadline=None)
@given(potential_problems())
def test_slack_potentials_leave_the_plain_answer_as_it_is(problem: PotentialAllocation) -> None:
    free = np.tile([[-1e6], [1e6]], problem.coefficient.size)
    loose = PotentialAllocation(allocation=problem.allocation, coefficient=problem.coefficient, potential_bounds=free)
    solution, plain = solve(loose), exact(problem.allocation.hierarchy).solve(problem.allocation)
    assert solution.status is plain.status
    np.testing.assert_array_equal(solution.point, plain.point)
    assert not solution.potential_multipliers.any()


@pytest.mark.parametrize("name", ["piqp", "clarabel"])
@pytest.mark.parametrize("groups", [1, 7, 40, 150])
def test_general_solvers_agree(name: str, groups: int) -> None:
    pytest.importorskip(name)
    for seed in range(4):
        problem = random_problem(seed, groups)
        solution = solve(problem)
        general = GeneralPotentialSolver(problem.allocation.hierarchy, problem.coefficient, BARE[name])
        other = general.solve(problem)
        assert solution.status is other.status is Status.SOLVED, other.message
        assert problem.allocation.distance(solution.point, other.point) <= 1e-4
        certified = certify_potential(problem, solution)
        assert certified.gap <= 1e-8 * (1.0 + problem.allocation.objective(solution.point))


def test_the_order_of_groups_and_cells_does_not_matter() -> None:
    problem, random = random_problem(3, 60), np.random.default_rng(0)
    plain, groups = problem.allocation, 60
    number, cells = random.permutation(groups), random.permutation(groups)
    place = np.argsort(number)
    parent = plain.hierarchy.parent[number]
    shuffled = Hierarchy(
        parent=np.where(parent >= 0, place[parent], -1), group_of=place[plain.hierarchy.group_of[cells]]
    )
    moved = PotentialAllocation(
        allocation=type(plain)(
            hierarchy=shuffled,
            cells=np.ascontiguousarray(plain.cells[:, cells]),
            bounds=np.ascontiguousarray(plain.bounds[:, number]),
            relief=plain.relief,
        ),
        coefficient=problem.coefficient[number],
        potential_bounds=problem.potential_bounds[:, number],
    )
    one, other = solve(problem), solve(moved)
    assert np.abs(one.potential_multipliers).max() > 0
    np.testing.assert_allclose(one.point[:, cells], other.point, atol=1e-6)


def test_bounds_that_no_point_meets_are_infeasible_with_a_sentence() -> None:
    hierarchy = Hierarchy(parent=np.array([-1, 0]), group_of=np.array([1]))
    plain = allocation(
        hierarchy,
        centre=np.zeros(1),
        lower=np.full(1, -1.0),
        upper=np.ones(1),
        total_lower=np.full(2, -np.inf),
        total_upper=np.full(2, np.inf),
        relief=RELIEF,
    )
    for low, high in ((2.5, np.inf), (3.0, 2.0)):  # φ of the inner group is at most 1·1 + 1·1
        bounds = np.array([[-np.inf, low], [np.inf, high]])
        solution = solve(PotentialAllocation(allocation=plain, coefficient=np.ones(2), potential_bounds=bounds))
        assert solution.status is Status.INFEASIBLE
        assert "potential" in solution.message


def test_numbers_that_are_none_fail_with_a_sentence() -> None:
    problem = random_problem(0, 5)
    bounds = problem.potential_bounds.copy()
    bounds[0, 2] = np.nan
    solution = solve(
        PotentialAllocation(allocation=problem.allocation, coefficient=problem.coefficient, potential_bounds=bounds)
    )
    assert solution.status is Status.FAILED
    assert solution.message


# --- The physics -----------------------------------------------------------------------------------------------------


def test_a_kilowatt_on_a_known_cable_raises_the_voltage_by_the_textbook_amount() -> None:
    network = Network(
        parent=np.array([-1, 0]),
        bus_of_prosumer=np.array([1]),
        import_limit_kw=np.full(2, 50.0),
        export_limit_kw=np.full(2, 50.0),
        resistance_ohm=np.array([0.1, 0.05]),
    )
    limits = VoltageLimits(network=network, reactance_ohm=0.08, voltage_min_pu=0.9, voltage_max_pu=1.1)
    # ΔV²/V² = 2·(r·P + x·Q)/V²: 2·(0.1·40,000 + 0.08·10,000)/160,000 = 0.06, then 2·(2,000 + 800)/160,000 = 0.035.
    squared = limits.squared_voltage(np.array([40.0]), np.array([10.0]))
    np.testing.assert_allclose(squared, [1.06, 1.095], rtol=1e-14)
    # No line below the second one: (r² + x²)/V⁴·(P² + Q²)/0.81 = (0.0025 + 0.0064)·1.7e9/2.56e10/0.81.
    sag = limits.sag(np.array([0.0, 40.0]), np.array([0.0, 10.0]))
    own = 1.7e9 / 0.81
    lost, reactive = 0.05 * own / 160_000, 0.08 * own / 160_000  # W and var
    first = (0.01 + 0.0064) * (lost**2 + reactive**2) / 160_000**2 / 0.81
    first += 2 * (0.1 * lost + 0.08 * reactive) / 160_000
    np.testing.assert_allclose(sag, [first, first + 0.0089 * own / 160_000**2], rtol=1e-12)


@st.composite
def loaded_networks(draw: st.DrawFn) -> tuple[Network, Any, Any, Any]:
    lines, prosumers = draw(st.integers(1, 6)), draw(st.integers(1, 6))

    def column(low: float, high: float, size: int) -> Any:
        return np.array([draw(st.floats(low, high)) for _ in range(size)])

    network = Network(
        parent=np.array([-1, *(draw(st.integers(0, k - 1)) for k in range(1, lines))]),
        bus_of_prosumer=np.array([draw(st.integers(0, lines - 1)) for _ in range(prosumers)]),
        import_limit_kw=np.full(lines, 150.0),
        export_limit_kw=np.full(lines, 150.0),
        resistance_ohm=column(0.0, 0.06, lines),
    )
    return network, column(0.0, 0.04, lines), column(-20.0, 20.0, prosumers), column(-8.0, 8.0, prosumers)


@settings(max_examples=150, deadline=None)
@given(loaded_networks())
def test_the_power_flow_lies_between_the_linear_voltage_less_the_sag_and_the_linear_one(
    case: tuple[Network, Any, Any, Any],
) -> None:
    network, reactance, net_kw, net_kvar = case
    limits = VoltageLimits(network=network, reactance_ohm=reactance, voltage_min_pu=0.8, voltage_max_pu=1.3)
    flow, reactive = network.incidence @ net_kw, network.incidence @ net_kvar
    linear = limits.squared_voltage(net_kw, net_kvar)
    sag = limits.sag(np.abs(flow), np.abs(reactive))
    assume(np.all(linear - sag >= 0.64))
    voltages = swept_voltages(network, reactance, net_kw, net_kvar)
    assert voltages is not None
    assert np.all(voltages**2 <= linear + 1e-9)
    assert np.all(voltages**2 >= linear - sag - 1e-9)


def test_both_power_flow_programs_agree_on_the_simbench_grid(rural: Grid) -> None:
    random = np.random.default_rng(0)
    for _ in range(5):
        net_kw = random.uniform(-12.0, 20.0, rural.network.n_prosumers)
        net_kvar = -rural.demand_kvar * random.random()
        swept = swept_voltages(rural.network, rural.reactance_ohm, net_kw, net_kvar)
        np.testing.assert_allclose(swept, model_voltages(rural, net_kw, net_kvar), atol=1e-8)


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("reactance_ohm", -0.1, "reactance_ohm"),
        ("voltage_min_pu", 0.0, "voltage_min_pu"),
        ("voltage_max_pu", 0.8, "voltage_max_pu"),
        ("grid_voltage_pu", float("nan"), "grid_voltage_pu"),
        ("demand_power_factor", 0.0, "demand_power_factor"),
        ("margin_pu", -0.1, "margin_pu"),
        ("margin_pu", 0.2, "voltage_max_pu"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: float, named: str) -> None:
    good = {"reactance_ohm": 0.1, "voltage_min_pu": 0.9, "voltage_max_pu": 1.1}
    with pytest.raises(ModelError, match=named):
        VoltageLimits(network=Network.single_feeder(n_prosumers=2), **{**good, field: value})


# --- The projection on a real grid -----------------------------------------------------------------------------------


def rural_case(rural: Grid, random: Any, *, sun: float, load: float) -> tuple[Any, Any, Any]:
    """A community on the grid, with batteries, and an extreme situation and intent."""
    size = rural.network.n_prosumers
    community = Community(
        battery_capacity_kwh=20.0,
        charge_limit_kw=10.0,
        discharge_limit_kw=10.0,
        charge_efficiency=0.95,
        discharge_efficiency=0.95,
        soc_min=0.1,
        soc_max=0.95,
        network=rural.network,
        timestep_h=0.25,
    )
    observed = {
        "demand_kw": rural.demand_kw * random.uniform(0.0, load, size),
        "pv_kw": rural.pv_kw * random.uniform(0.7, 1.0, size) * sun + random.uniform(0.0, 5.0 * sun, size),
        "soc": random.uniform(0.1, 0.95, size),
        "retail_price": 0.3,
        "feed_in_price": 0.1,
    }
    situation = Screen(community)(observed, np.zeros(size))
    return community, situation, random.choice([-10.0, 10.0, 0.0], size)


def exports(situation: Any, points: Any) -> Any:
    return (situation.pv_kw - points.curtail_kw) - (situation.demand_kw - points.shed_kw) - points.battery_kw


@pytest.mark.parametrize("shunts", [False, True])
def test_the_voltages_of_the_power_flow_hold_after_the_projection_and_not_without_it(rural: Grid, shunts: bool) -> None:
    random, broken, held = np.random.default_rng(7), 0, 0
    factor = rural.demand_kw / np.hypot(rural.demand_kw, rural.demand_kvar)
    limits = VoltageLimits(
        network=rural.network,
        reactance_ohm=rural.reactance_ohm,
        voltage_min_pu=0.97,
        voltage_max_pu=1.03,
        demand_power_factor=factor,
        margin_pu=1e-5 if shunts else 0.0,  # what 80 var of the cables' capacitance can do, rounded up
    )
    for step in range(30):
        sun, load = ((1.0, 1.0), (0.0, 5.0), (1.5, 4.0))[step % 3]
        community, situation, intent = rural_case(rural, random, sun=sun, load=load)
        for projector in (Projector(community), VoltageProjector(community, limits)):
            proposal = projector.project(situation, intent)
            reactive = limits.reactive_export_kvar(situation.demand_kw - proposal.set_points.shed_kw)
            net_kw = exports(situation, proposal.set_points)
            voltages = model_voltages(rural, net_kw, reactive, shunts=shunts)
            fine = np.all(voltages >= 0.97 - 1e-8) and np.all(voltages <= 1.03 + 1e-8)
            if isinstance(projector, Projector):
                broken += not fine
            else:
                held += fine
                assert not any(reason.cause is Cause.LIMIT_NOT_HELD for reason in proposal.reasons)
    assert held == 30
    assert broken >= 10


def test_a_day_of_the_simbench_profiles_holds_its_voltages(rural: Grid) -> None:
    limits = VoltageLimits(
        network=rural.network, reactance_ohm=rural.reactance_ohm, voltage_min_pu=0.97, voltage_max_pu=1.003
    )
    day, bound = rural.profiles["summer"], 0
    for hour in range(24):
        community, _, _ = rural_case(rural, np.random.default_rng(0), sun=1.0, load=1.0)
        active = np.array([day[f"{name}_pload"][hour] for name in rural.load_profile])
        reactive = np.array([day[f"{name}_qload"][hour] for name in rural.load_profile])
        sun = np.array([day[name][hour] if name else 0.0 for name in rural.pv_profile])
        observed = {
            "demand_kw": rural.demand_kw * active,
            "pv_kw": rural.pv_kw * sun,
            "soc": np.full(13, 0.5),
            "retail_price": 0.3,
            "feed_in_price": 0.1,
        }
        situation = Screen(community)(observed, np.zeros(13))
        proposal = VoltageProjector(community, limits).project(situation, np.zeros(13), -rural.demand_kvar * reactive)
        net_kw = exports(situation, proposal.set_points)
        voltages = model_voltages(rural, net_kw, -rural.demand_kvar * reactive)
        assert np.all(voltages >= 0.97 - 1e-8)
        assert np.all(voltages <= 1.003 + 1e-8)
        bound += any("voltage" in reason.text for reason in proposal.reasons)
    assert 0 < bound < 24


def test_a_prosumer_without_a_meter_may_take_its_fair_share_and_voltages_still_hold(rural: Grid) -> None:
    random = np.random.default_rng(1)
    limits = VoltageLimits(
        network=rural.network, reactance_ohm=rural.reactance_ohm, voltage_min_pu=0.96, voltage_max_pu=1.04
    )
    community, _, intent = rural_case(rural, random, sun=1.0, load=1.0)
    observed = {
        "demand_kw": rural.demand_kw.copy(),
        "pv_kw": rural.pv_kw.copy(),
        "soc": np.full(13, 0.5),
        "retail_price": 0.3,
        "feed_in_price": 0.1,
    }
    observed["demand_kw"][4] = np.nan
    situation = Screen(community)(observed, np.zeros(13))
    assert situation.isolated[4]
    proposal = VoltageProjector(community, limits).project(situation, intent)
    assert not any(reason.cause is Cause.LIMIT_NOT_HELD for reason in proposal.reasons)
    net_kw = exports(situation, proposal.set_points)
    for share in (-situation.fair_import_kw[4], situation.fair_export_kw[4]):
        net_kw[4] = share
        voltages = model_voltages(rural, net_kw, np.zeros(13))
        assert np.all(voltages >= 0.96 - 1e-8)
        assert np.all(voltages <= 1.04 + 1e-8)


def test_limits_that_cannot_be_held_are_left_out_and_said(rural: Grid) -> None:
    limits = VoltageLimits(
        network=rural.network,
        reactance_ohm=rural.reactance_ohm,
        voltage_min_pu=1.05,
        voltage_max_pu=1.06,
        grid_voltage_pu=1.0,
    )
    community, situation, _ = rural_case(rural, np.random.default_rng(2), sun=0.0, load=1.0)
    size = rural.network.n_prosumers
    proposal = VoltageProjector(community, limits).project(situation, np.zeros(size))
    assert [reason.cause for reason in proposal.reasons] == [Cause.LIMIT_NOT_HELD]
    plain = Projector(community).project(situation, np.zeros(size))
    np.testing.assert_array_equal(proposal.set_points.battery_kw, plain.set_points.battery_kw)


def test_limits_of_another_network_are_refused(rural: Grid) -> None:
    community, _, _ = rural_case(rural, np.random.default_rng(2), sun=0.0, load=1.0)
    other = Network.single_feeder(n_prosumers=2)
    limits = VoltageLimits(network=other, reactance_ohm=0.0, voltage_min_pu=0.9, voltage_max_pu=1.1)
    with pytest.raises(ModelError, match="network"):
        VoltageProjector(community, limits)

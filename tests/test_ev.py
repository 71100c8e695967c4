"""EVs: who leaves, leaves with enough, whatever the policy does, where it can be had without shedding; and by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Economics, Limits, Network, Simulator
from autonomy.assets import Assets, Ev, Timeline
from autonomy.layers import physics
from autonomy.layers.decision import Cause
from autonomy.layers.errors import ModelError
from autonomy.layers.intent import POLICIES
from autonomy.layers.projection import VoltageProjector
from autonomy.layers.supervision import Screen
from autonomy.layers.voltage import VoltageLimits
from autonomy.rollout import roll_out
from autonomy.scenario import Scenario
from autonomy.trajectory import Trajectory
from tests.homes import homes, scenario_of
from tests.oracle import battery_interval, lines_above
from tests.strategies import communities, intents, observations, scenarios

linprog = pytest.importorskip("scipy.optimize").linprog
MILLIWATT_HOUR = 1e-6
WILD = (np.nan, np.inf, -np.inf, -1e9, 1e9, 0.0)


def emptying(community: Community, _observed: Any) -> Any:
    """Discharge whatever is there."""
    return np.column_stack([np.full(community.n_prosumers, -1e3), np.zeros((community.n_prosumers, 2))])


def raising(_community: Community, _observed: Any) -> Any:
    raise RuntimeError("no policy today")


def wild(community: Community, observed: Any) -> Any:
    """Nonsense that changes from step to step, by the observation alone."""
    random = np.random.default_rng(abs(hash(observed.demand_kw.tobytes())) % 2**32)
    return random.choice(WILD, (community.n_prosumers, 3))


RIVALS: tuple[Any, ...] = (*POLICIES, emptying, raising, wild)


@st.composite
def garages(draw: st.DrawFn, *, limited: bool = False) -> tuple[Community, Scenario, Assets, float]:
    """A community some of whose batteries are cars, data of a few days, and the state of charge to begin with."""
    size = draw(st.integers(1, 4))
    network = Network.single_feeder(n_prosumers=size)
    if limited:
        limit = draw(st.sampled_from([0.0, 3.0, 8.0, 15.0]))
        network = Network.single_feeder(n_prosumers=size, import_limit_kw=limit, export_limit_kw=limit)
    capacity = np.array([draw(st.sampled_from([10.0, 24.0, 60.0])) for _ in range(size)])
    community = Community(
        battery_capacity_kwh=capacity,
        charge_limit_kw=np.array([draw(st.sampled_from([2.3, 7.4, 11.0])) for _ in range(size)]),
        discharge_limit_kw=7.4,
        charge_efficiency=draw(st.floats(0.7, 1.0)),
        discharge_efficiency=draw(st.floats(0.7, 1.0)),
        soc_min=draw(st.sampled_from([0.0, 0.1])),
        self_discharge_per_h=draw(st.sampled_from([0.0, 0.0005])),
        network=network,
        timestep_h=draw(st.sampled_from([0.5, 1.0])),
    )
    evs = []
    for i in range(draw(st.integers(1, size))):
        departure = draw(st.floats(0.0, 24.0))
        away = draw(st.floats(1.0, 20.0))
        evs.append(
            Ev(
                prosumer=community.names[i], departure_h=departure, arrival_h=(departure + away) % 24,
                required_kwh=draw(st.floats(0.0, 1.0)) * float(capacity[i]), drive_kwh=draw(st.floats(0.0, 30.0)),
                spread_h=draw(st.sampled_from([0.0, 0.2])), v2g=draw(st.booleans()),
            )
        )  # fmt: skip
    assets = Assets(evs=tuple(evs), seed=draw(st.integers(0, 9)))
    steps = round(40 / community.timestep_h)
    scenario = draw(scenarios(community, min_steps=steps, max_steps=steps))
    return assets.equip(community), scenario, assets, draw(st.sampled_from([0.0, 0.3, 1.0]))


def drive(community: Community, scenario: Scenario, timeline: Timeline | None, soc: float, policy: Any) -> Trajectory:
    simulator = Simulator(community, scenario, initial_soc=soc, timeline=timeline)
    return roll_out(simulator, Controller(community, policy=policy), name="x")


def most_at_departure(community: Community, run: Trajectory, timeline: Timeline, soc: float) -> Any:
    """(T, N) kWh that could have been stored at the end of each step, had every car charged since it came."""
    active = np.ones(run.battery_kw.shape, dtype=bool) if timeline.active is None else timeline.active
    most = np.zeros(run.battery_kw.shape)
    level = soc * community.battery_capacity_kwh
    for step in range(len(most)):
        begins = active[step] & (~active[step - 1] if step else True)
        start = level if step == 0 else run.energy_kwh[step]
        if timeline.drive_kwh is not None:
            lowest = np.minimum(start, community.energy_min_kwh)
            start = np.where(timeline.drive_kwh[step] > 0, np.maximum(start - timeline.drive_kwh[step], lowest), start)
        level = np.where(begins, start, level) * community.retention
        gain = community.timestep_h * community.charge_efficiency * community.charge_limit_kw
        level = np.where(active[step], np.minimum(level + gain, np.maximum(community.energy_max_kwh, level)), level)
        most[step] = level
    return most


@given(garages(), st.data())
@settings(max_examples=25)
def test_a_car_leaves_with_what_it_needs_or_all_it_could_get_whatever_the_policy_does(
    garage: Any, data: st.DataObject
) -> None:
    community, scenario, assets, soc = garage
    timeline = assets.timeline(community, scenario.series)
    assert timeline is not None
    run = drive(community, scenario, timeline, soc, data.draw(st.sampled_from(RIVALS)))
    assert run.violations == ()
    assert not run.shed_kw.any()
    if timeline.departing is None or timeline.required_kwh is None:
        return
    possible = most_at_departure(community, run, timeline, soc)
    expected = np.minimum(timeline.required_kwh, possible)
    short = (expected - run.energy_kwh[1:])[timeline.departing]
    # Set-points are milliwatts: where a car charges as fast as it can, each step may lack one.
    assert np.all(short <= MILLIWATT_HOUR * 48), short.max()
    if timeline.active is not None:
        assert not run.battery_kw[~timeline.active].any()
    for ev in assets.evs:
        if not ev.v2g:
            assert np.all(run.battery_kw[:, community.names.index(ev.prosumer)] >= 0)


@given(garages(limited=True), st.data())
@settings(max_examples=15)
def test_behind_any_feeder_no_rule_is_broken_and_whoever_lacks_something_at_departure_was_named(
    garage: Any, data: st.DataObject
) -> None:
    community, scenario, assets, soc = garage
    timeline = assets.timeline(community, scenario.series)
    assert timeline is not None
    policy = data.draw(st.sampled_from(RIVALS))
    simulator = Simulator(community, scenario, initial_soc=soc, timeline=timeline)
    controller = Controller(community, policy=policy)
    named = np.zeros(community.n_prosumers)
    while not simulator.is_done:
        step = simulator.step_number
        decision = controller.step(simulator.observe())
        outcome = simulator.execute(decision)
        assert outcome.violations == ()
        if timeline.active is not None:
            named[~timeline.active[step]] = 0.0
        for reason in decision.reasons:
            if reason.cause is Cause.DEPARTURE_SHORT:
                named[list(reason.prosumers)] = 1.0
        missing = outcome.missing_kwh
        assert np.all((missing <= 1e-3) | (named > 0)), (step, missing)


# One step against a linear program ----------------------------------------------------------------------------------


@st.composite
def floored(draw: st.DrawFn) -> tuple[Community, Any, Any, Any]:
    community = draw(communities(max_prosumers=5))
    observed = draw(observations(community))
    floor = draw(
        st.lists(
            st.one_of(st.just(-np.inf), st.floats(-5.0, 6.0)),
            min_size=community.n_prosumers, max_size=community.n_prosumers,
        )
    )  # fmt: skip
    return community, observed, np.array(floor), draw(intents(community.n_prosumers))


def program_of(community: Community, observed: Any, floor: Any) -> tuple[Any, Any, Any]:
    """The linear program over b, c, s and what each floor lacks, without costs: bounds, rows, limits."""
    size, network = community.n_prosumers, community.network
    bounds: list[Any] = []
    for i in range(size):
        has = community.battery_capacity_kwh[i] > 0
        bounds.append(battery_interval(community, i, float(observed.soc[i]), 0.0) if has else (0.0, 0.0))
    bounds += [(0.0, float(x)) for x in (*observed.pv_kw, *observed.demand_kw)] + [(0.0, None)] * size
    eye, nothing = np.eye(size), np.zeros((size, size))
    nodes = np.hstack([-eye, -eye, eye, nothing])
    base = observed.pv_kw - observed.demand_kw
    rows, limits = [], []
    sums = [
        (nodes[i], base[i], community.connection_limit_kw[i], community.connection_limit_kw[i]) for i in range(size)
    ]
    for line in range(network.n_lines):
        below = np.array([float(line in lines_above(network, i)) for i in range(size)])
        sums.append((below @ nodes, float(below @ base), network.import_limit_kw[line], network.export_limit_kw[line]))
    for row, rest, imports, exports in sums:
        for sign, limit in ((1.0, exports), (-1.0, imports)):
            if np.isfinite(limit):
                rows.append(sign * row)
                limits.append(limit - sign * rest)
    for i in np.flatnonzero(np.isfinite(floor)):
        rows.append(np.hstack([-eye, nothing, nothing, -eye])[i])
        limits.append(-floor[i])
    return bounds, np.array(rows).reshape(-1, 4 * size), np.array(limits)


@given(floored())
@settings(max_examples=80)
def test_a_floor_costs_no_load_and_no_more_of_it_is_given_up_than_must_be(case: Any) -> None:
    community, observed, floor, intent = case
    size = community.n_prosumers
    bounds, rows, limits = program_of(community, observed, floor)
    shed_cost = np.concatenate([np.zeros(2 * size), np.ones(size), np.zeros(size)])
    lack_cost = np.concatenate([np.zeros(3 * size), np.ones(size)])
    least_shed = linprog(shed_cost, A_ub=rows, b_ub=limits, bounds=bounds)
    assert least_shed.status == 0
    decision = Controller(community, policy=lambda _c, _o: intent).step(
        {**vars(observed), "limits": Limits(charge_floor_kw=floor)}
    )
    assert decision.shed_kw.sum() == pytest.approx(least_shed.fun, abs=1e-3)
    kept = linprog(
        lack_cost, A_ub=np.vstack([rows, shed_cost]), b_ub=np.append(limits, least_shed.fun + 1e-9), bounds=bounds
    )
    assert kept.status == 0
    lack = float(np.maximum(floor - decision.battery_kw, 0.0).sum())
    assert lack <= kept.fun + 2e-3
    short = [reason for reason in decision.reasons if reason.cause is Cause.DEPARTURE_SHORT]
    assert len(short) == (lack > 1e-4) or abs(lack - 1e-4) < 1e-4 * size
    if short and lack > 1e-3:
        assert short[0].amount_kw == pytest.approx(lack, abs=1e-3)


def test_a_floor_below_what_is_asked_for_changes_nothing_to_the_last_bit() -> None:
    community = homes(2)
    seen = {"demand_kw": [1.0, 2.0], "pv_kw": [0.0, 4.0], "soc": [0.5, 0.5], "retail_price": 0.3, "feed_in_price": 0.1}
    intent = np.array([[1.5, 0.0, 0.2], [-0.5, 1.0, 0.2]])
    plain = Controller(community, policy=lambda _c, _o: intent).step(seen)
    floors = {"charge_floor_kw": [1.0, -2.0]}
    held = Controller(community, policy=lambda _c, _o: intent).step({**seen, "limits": floors})
    assert plain.battery_kw.tobytes() == held.battery_kw.tobytes()
    assert plain.reasons == held.reasons == ()


def test_floors_by_hand() -> None:
    # 10 kW of import, 6 kW of demand; the car is to be charged with 7 kW, the home's battery can give 2.
    network = Network.single_feeder(n_prosumers=2, import_limit_kw=10.0)
    community = homes(2, network=network, charge_limit_kw=[7.4, 2.0], discharge_limit_kw=[0.0, 2.0])
    seen = {"demand_kw": [6.0, 0.0], "pv_kw": [0.0, 0.0], "soc": [0.1, 0.5], "retail_price": 0.3, "feed_in_price": 0.1}

    def step(floor: float, **changed: Any) -> Any:
        policy = lambda _c, _o: np.zeros((2, 3))  # noqa: E731
        limits = {"charge_floor_kw": [floor, -np.inf]}
        return Controller(community, policy=policy).step({**seen, "limits": limits, **changed})

    kept = step(5.0)
    np.testing.assert_allclose(kept.battery_kw, [5.0, -1.0], atol=1e-4)
    assert [reason.cause for reason in kept.reasons if "depart" in reason.cause.value] == [Cause.DEPARTURE]
    # 7 kW cannot be had: 4 from the grid and 2 from the neighbour are 6, and no load is shed for the seventh.
    yields = step(7.0)
    np.testing.assert_allclose(yields.battery_kw, [6.0, -2.0], atol=1e-4)
    np.testing.assert_allclose(yields.shed_kw, 0.0, atol=1e-6)
    short = next(reason for reason in yields.reasons if reason.cause is Cause.DEPARTURE_SHORT)
    assert (short.prosumers, round(short.amount_kw, 3)) == ((0,), 1.0)
    # 11 kW of demand: 1 kW can be had from the neighbour beyond what saves the load, and the car takes that.
    np.testing.assert_allclose(step(7.0, demand_kw=[11.0, 0.0]).battery_kw, [1.0, -2.0], atol=1e-4)
    dark = step(7.0, demand_kw=[13.0, 0.0])
    np.testing.assert_allclose(dark.battery_kw, [0.0, -2.0], atol=1e-4)
    np.testing.assert_allclose(dark.shed_kw.sum(), 1.0, atol=1e-4)


def test_a_floor_is_kept_under_voltage_limits_too() -> None:
    network = Network.single_feeder(n_prosumers=2, import_limit_kw=40.0, export_limit_kw=40.0, resistance_ohm=0.2)
    community = homes(2, network=network, charge_limit_kw=11.0)
    limits = VoltageLimits(network=network, reactance_ohm=0.05, voltage_min_pu=0.95, voltage_max_pu=1.05)
    seen = {"demand_kw": [6.0, 0.0], "pv_kw": [0.0, 0.0], "soc": [0.1, 0.9], "retail_price": 0.3, "feed_in_price": 0.1}
    seen = {key: np.broadcast_to(np.asarray(value), 2).astype(float) for key, value in seen.items()}
    screen = Screen(community)
    situation = screen({**seen, "limits": {"charge_floor_kw": [4.0, -np.inf]}}, np.zeros(2))
    projector = VoltageProjector(community, limits)
    np.testing.assert_allclose(projector.project(situation, np.zeros(2)).set_points.battery_kw[0], 4.0, atol=1e-4)
    more = screen({**seen, "limits": {"charge_floor_kw": [9.0, -np.inf]}}, np.zeros(2))
    plain = projector.project(situation._replace(charge_floor_kw=None), np.zeros(2))
    asked = projector.project(more, np.zeros(2))
    assert asked.set_points.shed_kw.sum() <= plain.set_points.shed_kw.sum() + 1e-3


def test_unusable_floors_are_said_and_are_none() -> None:
    community = homes(2)
    seen = {"demand_kw": 1.0, "pv_kw": 0.0, "soc": 0.5, "retail_price": 0.3, "feed_in_price": 0.1}
    for wrong in ([np.nan, 1.0], [np.inf, 1.0], "much", [1.0]):
        decision = Controller(community, policy="grid-only").step({**seen, "limits": {"charge_floor_kw": wrong}})
        causes = {reason.cause for reason in decision.reasons}
        assert causes & {Cause.LIMITS_REJECTED, Cause.FIELD_SHAPE}
        assert decision.battery_kw[0] == 0.0


# By hand ------------------------------------------------------------------------------------------------------------


def commuter(**others: Any) -> Assets:
    values = {"prosumer": "prosumer-1", "departure_h": 8.0, "arrival_h": 18.0, "required_kwh": 30.0, **others}
    return Assets(evs=(Ev(**values),))


def test_a_day_of_a_commuter_by_hand() -> None:
    # 40 kWh, 10 kW in and 90 % of it stored: 9 kWh an hour. It needs 30 kWh at 8:00 and has 4: it must begin at 5:06.
    community = homes(battery_capacity_kwh=40.0, charge_limit_kw=10.0, discharge_limit_kw=0.0, charge_efficiency=0.9)
    assets = commuter(drive_kwh=12.0)
    scenario = scenario_of(community, [[1.0]] * 24, 0.0)
    timeline = assets.timeline(community, scenario.series)
    assert timeline is not None
    run = drive(community, scenario, timeline, 0.1, "grid-only")
    expected = np.zeros(24)
    expected[5:8] = [8.0 / 0.9, 10.0, 10.0]
    np.testing.assert_allclose(run.battery_kw[:, 0], expected, atol=2e-5)
    assert run.energy_kwh[8, 0] == pytest.approx(30.0, abs=1e-6)
    assert timeline.active is not None
    assert np.flatnonzero(~timeline.active[:, 0]).tolist() == list(range(8, 18))
    assert run.energy_kwh[18, 0] == pytest.approx(30.0, abs=1e-6)
    assert run.energy_kwh[24, 0] == pytest.approx(18.0, abs=1e-6)  # 12 kWh were driven
    np.testing.assert_allclose(timeline.required_kwh[4:8, 0], [3.0, 12.0, 21.0, 30.0], atol=1e-4)


def test_vehicle_to_grid_discharges_only_as_far_as_it_can_charge_again() -> None:
    community = homes(battery_capacity_kwh=40.0, charge_limit_kw=10.0, discharge_limit_kw=10.0)
    assets = commuter(v2g=True)
    scenario = scenario_of(community, [[1.0]] * 10, 0.0)
    run = drive(assets.equip(community), scenario, assets.timeline(community, scenario.series), 0.75, emptying)
    # 30 kWh to begin with: down to nothing by 3:00, and from 5:00 on 10 kWh an hour.
    np.testing.assert_allclose(run.energy_kwh[:9, 0], [30, 20, 10, 0, 0, 0, 10, 20, 30], atol=1e-4)
    charge_only = replace(assets.evs[0], v2g=False)
    kept = Assets(evs=(charge_only,)).equip(community)
    assert kept.discharge_limit_kw.tolist() == [0.0]
    run = drive(kept, scenario, assets.timeline(kept, scenario.series), 0.75, emptying)
    np.testing.assert_allclose(run.energy_kwh[:, 0], 30.0)


def test_what_a_car_lacks_is_recorded_and_costs_what_the_economics_say() -> None:
    community = homes(battery_capacity_kwh=40.0, charge_limit_kw=2.0, discharge_limit_kw=0.0)
    scenario = scenario_of(community, [[1.0]] * 10, 0.0)
    timeline = commuter().timeline(community, scenario.series)
    costs = []
    for price in (0.0, 0.5):
        economics = Economics(missing_charge_price_per_kwh=price)
        simulator = Simulator(community, scenario, initial_soc=0.1, timeline=timeline, economics=economics)
        controller, missing = Controller(community), []
        costs.append(0.0)
        while not simulator.is_done:
            outcome = simulator.execute(controller.step(simulator.observe()))
            missing.append(outcome.missing_kwh.tolist())
            costs[-1] += outcome.cost
        np.testing.assert_allclose(np.ravel(missing), [0] * 7 + [10.0] + [0] * 2, atol=1e-5)
    assert costs[1] - costs[0] == pytest.approx(5.0, abs=1e-4)


def test_trips_are_the_same_for_a_seed_wherever_the_data_begin_and_keep_to_their_days() -> None:
    ev = Ev(
        prosumer="a", departure_h=7.5, arrival_h=17.0, required_kwh=1.0, drive_kwh=9.0, spread_h=0.5,
        drive_spread_kwh=2.0, days="weekdays",
    )  # fmt: skip
    first = np.datetime64("2024-05-01").astype(int)
    trips = list(ev.trips(first, first + 27, (3, 1)))
    assert len(trips) == 20
    assert trips[5:] == list(ev.trips(first + 5, first + 27, (3, 1)))[-15:]
    assert trips != list(ev.trips(first, first + 27, (4, 1)))
    leaves = np.array([trip.leaves_h % 24 for trip in trips])
    assert 0.1 < leaves.std() < 1.0
    assert np.all(np.abs(leaves - 7.5) <= 1.0)
    weekend = replace(ev, days="weekends")
    assert len(list(weekend.trips(first, first + 27, (3, 1)))) == 8
    night = Ev(prosumer="a", departure_h=21.0, arrival_h=6.0, required_kwh=1.0)
    assert [trip.returns_h - trip.leaves_h for trip in night.trips(0, 2, (0,))] == [9.0] * 3


def test_a_window_knows_of_the_departures_after_it() -> None:
    community = homes(battery_capacity_kwh=40.0, charge_limit_kw=10.0)
    scenario = scenario_of(community, [[1.0]] * 48, 0.0)
    whole = commuter().timeline(community, scenario.series)
    assert whole is not None
    evening = whole.window(18, 30)
    assert evening.required_kwh is not None
    np.testing.assert_array_equal(evening.required_kwh, whole.required_kwh[18:30])
    last = commuter().timeline(community, scenario.window(0, 48).series)
    assert last is not None
    # The data end at midnight, but the car leaves at 8:00: nothing has to be stored at midnight yet, with 9 h to go.
    assert np.isneginf(last.required_kwh[47, 0])
    slow = replace(community, charge_limit_kw=2.0)
    assert commuter().timeline(slow, scenario.series).required_kwh[47, 0] == pytest.approx(14.0, abs=1e-3)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"departure_h": 25.0}, "departure_h"),
        ({"arrival_h": 8.0}, "arrival_h"),
        ({"required_kwh": -1.0}, "required_kwh"),
        ({"drive_kwh": np.nan}, "drive_kwh"),
        ({"days": "sundays"}, "days"),
        ({"spread_h": 3.0}, "spread_h"),
    ],
)
def test_a_car_that_cannot_be_is_refused_by_name(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(ModelError, match=field):
        commuter(**changed)


def test_a_car_that_does_not_fit_its_prosumer_is_refused_by_name() -> None:
    with pytest.raises(ModelError, match=r"ev\[0\]\.required_kwh"):
        commuter().equip(homes())
    with pytest.raises(ModelError, match=r"ev\[0\]\.prosumer.*ramp_limit_kw"):
        commuter(required_kwh=5.0).equip(homes(ramp_limit_kw=1.0))
    with pytest.raises(ModelError, match=r"ev\[0\]\.prosumer"):
        commuter(prosumer="nobody").equip(homes())
    twice = Assets(evs=(*commuter(required_kwh=5.0).evs, *commuter(required_kwh=5.0).evs))
    with pytest.raises(ModelError, match=r"ev\[1\]\.prosumer"):
        twice.equip(homes())


def test_the_power_to_reach_an_energy_is_the_physics_turned_round() -> None:
    @given(communities(), st.data())
    @settings(max_examples=50)
    def check(community: Community, data: st.DataObject) -> None:
        size = community.n_prosumers
        energy = np.array(data.draw(st.lists(st.floats(0, 20), min_size=size, max_size=size)))
        battery = np.array(data.draw(st.lists(st.floats(-5, 5), min_size=size, max_size=size)))
        after = physics.rated_energy_after_kwh(community, energy, battery)
        np.testing.assert_allclose(physics.power_to_reach_kw(community, after, energy), battery, atol=1e-9)

    check()

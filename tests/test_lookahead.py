"""The look-ahead projection: its program, its solvers against each other, its proofs, and what it saves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Forecast, Network, Observation
from autonomy.layers.errors import ModelError
from autonomy.layers.projection import Projector
from autonomy.layers.projection.foresight import Foresight, Route
from autonomy.layers.projection.lookahead import Lookahead
from autonomy.layers.supervision import Screen
from autonomy.scenario import Scenario
from autonomy.series import Series
from autonomy.simulator import Simulator
from autonomy.solvers.allocation import Hierarchy, Relief, Status, allocation
from autonomy.solvers.general import GENERAL
from autonomy.solvers.horizon.certificate import measure
from autonomy.solvers.horizon.plan import carry_out, greedy
from autonomy.solvers.horizon.program import HorizonProgram, HorizonStructure
from autonomy.solvers.horizon.sparse import SparseHorizon, state
from autonomy.solvers.horizon.structured import StructuredHorizon

SEEDS = st.integers(0, 2**32 - 1)


def program(
    seed: int, *, stores: int = 4, steps: int = 6, storeless: int = 1, lossless: bool = False, strain: float = 1.0
) -> tuple[HorizonStructure, HorizonProgram]:
    """A random program whose future binds: stores fairly empty, a peak near the end, little room before it."""
    random = np.random.default_rng(seed)
    cells = stores + storeless
    loss = np.ones(stores) if lossless else random.uniform(0.85, 0.97, stores)
    structure = HorizonStructure(
        hierarchy=Hierarchy(parent=np.array([-1]), group_of=np.zeros(cells, dtype=np.int64)),
        steps=steps,
        cell=np.sort(random.choice(cells, stores, replace=False)),
        fill=loss,
        drain=1 / loss,
        ramp=np.full(stores, np.inf),
        weight=np.ones(cells),
        smoothing=1e-3,
    )
    ceiling = random.choice([6.4, 10.0, 13.5], stores)
    floor = 0.1 * ceiling
    level = floor + (ceiling - floor) * random.uniform(0.0, 0.6, stores)
    lower, upper = np.zeros(cells), np.zeros(cells)
    lower[structure.cell] = -np.minimum(5.0, (ceiling - level) / structure.fill)
    upper[structure.cell] = np.minimum(5.0, (level - floor) / structure.drain)
    need = -random.uniform(0.0, 3.0, (steps, 1)) * stores
    peak = random.integers(1, steps - 1)
    need[peak : peak + 2] = strain * random.uniform(0.2, 0.8) * (ceiling - floor).sum() / 2
    first = allocation(
        structure.hierarchy,
        centre=random.uniform(-1.0, 5.0, cells),
        lower=lower,
        upper=upper,
        drop=random.uniform(0.0, 2.0, cells) * random.integers(0, 2, cells),
        lift=0.0,
        least=-6.0,
        most=6.0,
        total_lower=np.array([-random.uniform(1.0, 4.0) * stores]),
        total_upper=np.array([random.uniform(1.0, 3.0) * stores]),
        relief=Relief(drop_price=0.01, lift_price=12.0, smoothing=1e-3),
    )
    return structure, HorizonProgram(
        first=first,
        level=level,
        floor=floor,
        ceiling=ceiling,
        lower=np.full((steps, stores), -5.0),
        upper=np.full((steps, stores), 5.0),
        need=need,
        price=150.0,
    )


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.booleans(), st.sampled_from([0.5, 1.0, 3.0]))
def test_the_structured_solver_and_a_general_one_find_the_same_optimum(seed: int, lossless: bool, strain: float):
    pytest.importorskip("piqp")
    structure, instance = program(seed, lossless=lossless, strain=strain)
    statement = state(structure)
    answers = [
        solver.solve(instance) for solver in (StructuredHorizon(structure), SparseHorizon(structure, GENERAL["piqp"]))
    ]
    held = [measure(structure, statement, instance, answer) for answer in answers]
    assert all(one.is_solved for one in held), (held, [answer.message for answer in answers])
    assert held[0].objective == pytest.approx(held[1].objective, rel=2e-7, abs=2e-7)
    # Strong convexity in the first step: both are near the one minimiser.
    assert answers[0].point == pytest.approx(answers[1].point, abs=2e-2)
    assert answers[0].point[0] == pytest.approx(answers[1].point[0], abs=2e-3)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from([0.5, 1.0, 3.0]))
def test_a_solution_can_be_carried_out_with_what_it_says_is_missing(seed: int, strain: float):
    structure, instance = program(seed, stores=6, steps=24, strain=strain)
    answer = StructuredHorizon(structure).solve(instance)
    assert answer.status is Status.SOLVED
    plan = np.vstack([answer.point[0][structure.cell], answer.given])
    asked = plan.copy()
    after = carry_out(plan, instance.level, instance.floor, instance.ceiling, structure.fill, structure.drain)
    assert np.all(plan >= asked - 1e-6)
    assert np.all(after >= answer.level - 1e-6)
    assert np.all((after >= instance.floor - 1e-9) & (after <= instance.ceiling + 1e-9))
    assert np.all(plan[1:].sum(axis=1) + answer.missing[:, 0] >= instance.need[:, 0] - 1e-6)
    # The levels again, in plain loops, with giving and taking apart: never both.
    now = instance.level.copy()
    for k in range(plan.shape[0]):
        for j in range(structure.n_stores):
            given, taken = max(plan[k, j], 0.0), max(-plan[k, j], 0.0)
            assert min(given, taken) == 0.0
            now[j] += structure.fill[j] * taken - structure.drain[j] * given
        assert now == pytest.approx(after[k], abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_a_plan_that_throws_levels_away_is_repaired_to_one_that_keeps_at_least_as_much(seed: int):
    random = np.random.default_rng(seed)
    steps, stores = 12, 3
    fill, drain = random.uniform(0.7, 1.0, stores), random.uniform(1.0, 1.4, stores)
    floor, ceiling = np.zeros(stores), random.uniform(2.0, 8.0, stores)
    start = random.uniform(floor, ceiling)
    relaxed, level = np.empty((steps, stores)), np.empty((steps, stores))
    now = start.copy()
    for k in range(steps):
        x = random.uniform(-3.0, 3.0, stores)
        x = np.minimum(x, now / drain)
        loss = np.maximum(fill * x, drain * x)
        now = np.minimum(now - loss, ceiling) * random.uniform(0.8, 1.0, stores)
        relaxed[k], level[k] = x, now
    plan = relaxed.copy()
    after = carry_out(plan, start, floor, ceiling, fill, drain)
    assert np.all(after >= level - 1e-12)
    assert np.all(plan >= relaxed - 1e-12)
    assert np.all(plan <= np.maximum(relaxed, 0.0) + 1e-12)


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_a_greedy_plan_that_misses_nothing_is_a_proof(seed: int):
    random = np.random.default_rng(seed)
    steps, stores = 8, 4
    fill, drain = random.uniform(0.8, 1.0, stores), random.uniform(1.0, 1.2, stores)
    floor, ceiling = np.full(stores, 0.5), random.uniform(2.0, 9.0, stores)
    level = random.uniform(floor, ceiling)
    lower, upper = -random.uniform(0.0, 4.0, (steps, stores)), random.uniform(0.0, 4.0, (steps, stores))
    need = random.uniform(-6.0, 5.0, steps)
    plan, missing = greedy(need, level, floor, ceiling, lower, upper, fill, drain)
    now = level.copy()
    assert np.all((lower - 1e-12 <= plan) & (plan <= upper + 1e-12))
    for k in range(steps):
        now = now - np.maximum(fill * plan[k], drain * plan[k])
        assert np.all((floor - 1e-9 <= now) & (now <= ceiling + 1e-9))
        assert plan[k].sum() >= need[k] - max(missing, 0.0) - 1e-9


def home(**kwargs: Any) -> Community:
    """One home with 10 kWh and 5 kW behind a feeder of 4 kW."""
    values: dict[str, Any] = {
        "battery_capacity_kwh": 10.0,
        "charge_limit_kw": 5.0,
        "discharge_limit_kw": 5.0,
        "network": Network.single_feeder(n_prosumers=1, import_limit_kw=4.0, export_limit_kw=50.0),
    }
    return Community(**(values | kwargs))


def expected(demand_kw: Any, pv_kw: Any = 0.0, *, high: float = 0.0) -> Forecast:
    """A forecast for the demand given, (H, N), with `high` kW above it at the far end."""
    demand = np.asarray(demand_kw, dtype=float)
    pv = np.broadcast_to(np.asarray(pv_kw, dtype=float), demand.shape)
    price = np.full(demand.shape[0], 0.3)
    return Forecast(
        demand_kw=demand,
        pv_kw=pv,
        demand_low_kw=demand,
        demand_high_kw=demand + high,
        pv_low_kw=pv,
        pv_high_kw=pv,
        coverage=0.6,
        retail_price=price,
        feed_in_price=price / 5,
    )


def look(
    community: Community, forecast: Forecast | None, *, soc: Any, intent_kw: Any, demand_kw: Any = 1.0, **options: Any
) -> tuple[Foresight, Any]:
    """Return what is asked, and the one-step answer within it."""
    size = community.n_prosumers
    seen = Observation(
        demand_kw=np.broadcast_to(demand_kw, size),
        pv_kw=np.zeros(size),
        soc=np.broadcast_to(soc, size),
        retail_price=np.full(size, 0.3),
        feed_in_price=np.full(size, 0.06),
    )
    given = {name: getattr(seen, name) for name in ("demand_kw", "pv_kw", "soc", "retail_price", "feed_in_price")}
    situation = Screen(community)(given, np.zeros(size))
    intent = np.broadcast_to(np.asarray(intent_kw, dtype=float), size).copy()
    energy = np.broadcast_to(soc, size) * community.battery_capacity_kwh
    asked = Lookahead(community, **options).look(situation, forecast, energy, intent)
    return asked, Projector(community).project(asked.confine(situation), intent).set_points


def test_just_enough_is_kept_for_a_peak_worked_by_hand():
    # 5 kWh stored; two steps at 5.5 kW behind 4 kW need 2 · 1.5 kWh, so 2 of the 4 kW may be discharged now.
    community = home()
    asked, answer = look(community, expected([[5.5], [5.5], [0.0]]), soc=0.5, intent_kw=-4.0)
    assert asked.route is Route.PROGRAM
    assert answer.battery_kw[0] == pytest.approx(-2.0, abs=1e-4)
    assert answer.shed_kw[0] == 0.0
    assert asked.shed_later_kwh == 0.0
    assert asked.plan_kw is not None
    assert asked.plan_kw[:2, 0] == pytest.approx([-1.5, -1.5], abs=1e-4)
    assert any("looking ahead" in reason.text for reason in asked.reasons)


@given(
    peak_kw=st.sampled_from([4.5, 5.0, 5.5, 6.0]),
    capacity=st.sampled_from([8.0, 10.0, 12.0]),
    limit=st.sampled_from([3.0, 4.0]),
)
@settings(max_examples=12)
@example(peak_kw=5.5, capacity=12.0, limit=3.0)
def test_steps_that_share_what_one_battery_has_left_do_not_stop_the_solver(
    peak_kw: float, capacity: float, limit: float
):
    # In round numbers the prices of the peak's steps depend on each other exactly, and their matrix is singular.
    network = Network.single_feeder(n_prosumers=1, import_limit_kw=limit, export_limit_kw=limit)
    community, steps = home(battery_capacity_kwh=capacity, network=network), 72
    hour = np.arange(steps) % 24
    series = Series(
        time=np.datetime64("2024-05-01T00:00", "m") + np.timedelta64(60, "m") * np.arange(steps),
        demand_kw=np.where((hour >= 18) & (hour < 21), peak_kw, 1.0)[:, None],
        pv_kw=np.zeros((steps, 1)),
        retail_price=0.3,
        feed_in_price=0.06,
        names=community.names,
        timestep_h=1.0,
    )
    simulator = Simulator(community, Scenario.whole(series).with_forecast("perfect"), initial_soc=1.0)
    controller = Controller(community, policy="self-consumption", look_ahead=Lookahead(community))
    while not simulator.is_done:
        decision = controller.step(simulator.observe())
        assert not any("failed" in reason.text for reason in decision.reasons), decision.reasons
        simulator.execute(decision)


def test_what_can_be_charged_before_the_peak_is_counted_with_its_losses():
    # As above, but a step in between lets 4 − 3 = 1 kW in: 0.9 kWh arrive, and each kWh out costs 1/0.9.
    community = home(charge_efficiency=0.9, discharge_efficiency=0.9)
    forecast = expected([[3.0], [5.5], [5.5]])
    _, answer = look(community, forecast, soc=0.5, intent_kw=-4.0)
    kept = 2 * 1.5 / 0.9 - 0.9
    assert answer.battery_kw[0] == pytest.approx(-(5.0 - kept) * 0.9, abs=1e-4)


def test_a_peak_that_no_battery_can_serve_is_served_as_far_as_possible_and_said():
    # 12 kW behind 4 kW with a 5 kW battery: 3 kWh are lost whatever is done, and 5 kWh must be there.
    asked, answer = look(home(), expected([[12.0], [0.0]]), soc=0.6, intent_kw=-5.0)
    assert asked.shed_later_kwh == pytest.approx(3.0, abs=1e-4)
    assert answer.battery_kw[0] == pytest.approx(-1.0, abs=1e-4)
    assert any("cannot be served" in reason.text for reason in asked.reasons)


def test_an_action_that_endangers_nothing_is_left_alone():
    quiet, _ = look(home(), expected([[3.0], [3.9]]), soc=0.5, intent_kw=-4.0)
    assert quiet.route is Route.NOTHING_NEEDED
    enough, answer = look(home(), expected([[5.5], [5.5]]), soc=0.9, intent_kw=-4.0)
    assert enough.route is Route.GREEDY_PLAN
    assert answer.battery_kw[0] == -4.0


def test_caution_plans_for_the_far_end_of_the_interval():
    forecast = expected([[3.5]], high=2.0)
    assert look(home(), forecast, soc=0.2, intent_kw=-2.0)[0].route is Route.NOTHING_NEEDED
    asked, answer = look(home(), forecast, soc=0.2, intent_kw=-2.0, caution=1.0)
    assert asked.route is Route.PROGRAM
    assert answer.battery_kw[0] == pytest.approx(-0.5, abs=1e-4)


@pytest.mark.parametrize(
    ("forecast", "says"),
    [
        (None, "there is no forecast"),
        (expected([[np.nan]]), "demand_kw is not between"),
        (expected([[5.0, 5.0]]), "shape (1, 2)"),
        (replace(expected([[5.0]]), pv_low_kw="much"), "pv_low_kw is not a table"),
        (replace(expected([[5.0]]), demand_high_kw=np.full((2, 1), 9.0)), "different lengths"),
    ],
)
def test_a_forecast_that_makes_no_sense_asks_for_nothing_and_says_why(forecast: Any, says: str):
    asked, answer = look(home(), forecast, soc=0.5, intent_kw=-4.0)
    assert asked.route is Route.ONE_STEP
    assert says in asked.reasons[0].text
    assert answer.battery_kw[0] == -4.0


@pytest.mark.parametrize("solver", ["structured", "piqp"])
def test_an_answer_that_comes_late_is_none(solver: str):
    if solver != "structured":
        pytest.importorskip(solver)
    asked, answer = look(home(), expected([[5.5]]), soc=0.2, intent_kw=-2.0, solver=solver, deadline_s=1e-9)
    assert asked.route is Route.ONE_STEP
    assert "no answer within 1e-09 s" in asked.reasons[0].text
    assert answer.battery_kw[0] == pytest.approx(-2.0, abs=1e-9)  # the box is rounded inward


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"solver": "magic"}, "solver"),
        ({"caution": 2.0}, "caution"),
        ({"horizon": 0}, "horizon"),
        ({"deadline_s": 0.0}, "deadline_s"),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(options: dict[str, Any], field: str):
    with pytest.raises(ModelError, match=field):
        Lookahead(home(), **options)


def test_ramps_are_kept_by_the_plan_and_the_structured_solver_declines_them():
    pytest.importorskip("piqp")
    community = home(ramp_limit_kw=1.0)
    # 3 kW are needed three steps from now; ramping there takes -1, -2, -3 from 0.
    forecast = expected([[4.0], [4.0], [7.0], [0.0]])
    asked, answer = look(community, forecast, soc=0.9, intent_kw=1.0, demand_kw=3.0)
    assert asked.route is Route.PROGRAM
    plan = np.concatenate([answer.battery_kw, asked.plan_kw[:, 0]])
    assert np.all(np.abs(np.diff(plan)) <= 1.0 + 1e-5)
    assert plan[3] <= -3.0 + 1e-5
    declined, _ = look(community, forecast, soc=0.9, intent_kw=1.0, demand_kw=3.0, solver="structured")
    assert declined.route is Route.ONE_STEP
    assert "general solver" in declined.reasons[0].text


def test_a_tree_with_two_limited_lines_is_answered_by_a_general_solver():
    pytest.importorskip("piqp")
    network = Network(
        parent=np.array([-1, 0]),
        bus_of_prosumer=np.array([0, 1]),
        import_limit_kw=np.array([20.0, 4.0]),
        export_limit_kw=np.array([50.0, 50.0]),
    )
    asked, answer = look(home(network=network), expected([[1.0, 5.5], [1.0, 5.5]]), soc=0.5, intent_kw=-4.0)
    assert asked.route is Route.PROGRAM
    assert answer.battery_kw == pytest.approx([-4.0, -2.0], abs=1e-4)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_the_confined_one_step_answer_is_the_answer_of_the_program(seed: int):
    random = np.random.default_rng(seed)
    size = 5
    community = home(
        network=Network.single_feeder(n_prosumers=size, import_limit_kw=12.0, export_limit_kw=50.0),
        charge_efficiency=0.95,
        discharge_efficiency=random.uniform(0.9, 1.0, size),
        soc_min=0.1,
    )
    demand = random.uniform(1.0, 2.0, (8, size))
    demand[3:6] += 2.0
    soc, intent = random.uniform(0.1, 0.5, size), random.uniform(-5.0, 1.0, size)
    asked, answer = look(community, expected(demand), soc=soc, intent_kw=intent)
    assert asked.route in (Route.PROGRAM, Route.GREEDY_PLAN)
    if asked.route is Route.PROGRAM:
        # From what it leaves, the plan serves the future: the same problem again asks for nothing more.
        assert np.all(answer.battery_kw >= asked.battery_lower_kw - 1e-9)
        again, repeated = look(community, expected(demand), soc=soc, intent_kw=answer.battery_kw)
        assert repeated.battery_kw == pytest.approx(answer.battery_kw, abs=1e-4)
        assert again.shed_later_kwh == pytest.approx(asked.shed_later_kwh, abs=1e-3)


class Looking:
    """A projector that looks ahead, for a harness that tells it the observation."""

    def __init__(self, projector: Any, lookahead: Lookahead, community: Community) -> None:
        self.projector, self.lookahead, self.community = projector, lookahead, community
        self.observation: Any = None

    def project(self, situation: Any, intent_kw: Any) -> Any:
        energy = self.observation.soc * self.community.battery_capacity_kwh
        asked = self.lookahead.look(situation, self.observation.forecast, energy, intent_kw)
        return self.projector.project(asked.confine(situation), intent_kw)


def peak_days(community: Community) -> Scenario:
    """Three days of which every evening overloads the feeder for two hours, at noon nobody is at home."""
    hours = np.arange(72) % 24
    shape = np.where((hours == 18) | (hours == 19), 4.0, 1.0)
    step = np.timedelta64(60, "m")
    return Scenario.whole(
        Series(
            time=np.datetime64("2024-05-01T00:00", "m") + step * np.arange(72),
            demand_kw=shape[:, None] * np.ones(community.n_prosumers),
            pv_kw=np.zeros((72, community.n_prosumers)),
            retail_price=0.3,
            feed_in_price=0.06,
            carbon_kg_per_kwh=0.3,
            names=community.names,
            timestep_h=1.0,
        )
    )


def shed_by_day_kwh(community: Community, lookahead: Lookahead | None) -> list[float]:
    simulator = Simulator(community, peak_days(community), initial_soc=1.0)
    controller = Controller(community, policy="self-consumption")
    looking = None if lookahead is None else Looking(controller._projector, lookahead, community)
    if looking is not None:
        controller._projector = looking  # type: ignore[assignment]
    shed = []
    while not simulator.is_done:
        observation = simulator.observe()
        if looking is not None:
            looking.observation = observation
        outcome = simulator.execute(controller.step(observation))
        assert not outcome.violations
        shed.append(outcome.execution.shed_kw.sum())
    return np.reshape(shed, (3, 24)).sum(axis=1).tolist()


def test_on_peak_days_looking_ahead_sheds_nothing_on_evenings_it_can_foresee():
    community = home(network=Network.single_feeder(n_prosumers=4, import_limit_kw=12.0, export_limit_kw=50.0))
    # Every evening 16 kW are wanted for two hours behind 12 kW, and self-consumption has emptied the batteries by then.
    assert shed_by_day_kwh(community, None) == pytest.approx([8.0, 8.0, 8.0], abs=1e-3)
    # Nothing is known of the first evening in advance; the others are foreseen.
    assert shed_by_day_kwh(community, Lookahead(community)) == pytest.approx([8.0, 0.0, 0.0], abs=1e-3)

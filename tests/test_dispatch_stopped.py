"""A search for the optimum that is stopped: a dispatch, a proved bound and their gap, whenever."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Network, Simulator
from autonomy.assets import Timeline
from autonomy.dispatch import Dispatch, Verdict, dispatch_program, known_problem, point_of
from autonomy.dispatch.start import start_dispatch
from autonomy.rollout import replay
from autonomy.solvers.deadline import Deadline
from autonomy.trajectory import Trajectory
from tests.dispatches import PLAIN, assert_replayed, solved
from tests.homes import homes, scenario_of
from tests.strategies import communities


def burning() -> Simulator:
    """Two homes that are paid to import, so that many pairs overlap."""
    power = np.array([5.0, 4.0])
    community = homes(
        2, charge_efficiency=0.7, self_discharge_per_h=0.02, soc_min=0.1, ramp_limit_kw=3.0, charge_limit_kw=power
    )
    random = np.random.default_rng(3)
    scenario = scenario_of(
        community, random.uniform(0, 3, (8, 2)), random.uniform(0, 3, (8, 2)),
        retail_price=random.uniform(-0.5, 0.1, 8), feed_in_price=-0.6,
    )  # fmt: skip
    return Simulator(community, scenario, economics=PLAIN)


def after_readings(count: int) -> Deadline:
    """A deadline that is over once its clock was read so often."""
    readings = itertools.count()
    return Deadline(float(count), lambda: float(next(readings)))


def assert_stopped(dispatch: Dispatch, run: Trajectory, best: Dispatch) -> None:
    """It is a dispatch, its bound holds, the gap is that between the two, and nobody calls it optimal."""
    assert_replayed(dispatch, run)
    assert dispatch.certificate.verdict is Verdict.LIMIT
    assert "stopped by a limit" in dispatch.certificate.message
    assert dispatch.bound <= best.objective <= dispatch.objective + 1e-9
    assert np.isfinite(dispatch.bound)
    assert dispatch.gap == (dispatch.objective - dispatch.bound) / max(abs(dispatch.objective), 1.0) > 1e-6
    assert dispatch.gap <= dispatch.certificate.gap * (1 + 1e-9)


def test_wherever_a_search_is_stopped_there_is_a_dispatch_a_proved_bound_and_their_gap() -> None:
    simulator = burning()
    best, _ = solved(simulator)
    assert (best.method, best.certificate.verdict) == ("MILP", Verdict.EXACT)
    gaps = []
    for readings in (*range(9), *(2**k for k in range(4, 12))):
        dispatch, run = solved(simulator, time_limit_s=after_readings(readings))
        if dispatch.certificate.verdict is Verdict.EXACT:
            break
        if dispatch.certificate.verdict is Verdict.FLOAT:  # the binaries came to an end, and the tree did not
            assert (dispatch.gap <= 1e-6, dispatch.certificate.gap > 1e-6) == (True, True)
            continue
        assert_stopped(dispatch, run, best)
        gaps.append(dispatch.gap)
    assert dispatch.objective == pytest.approx(best.objective, rel=1e-6)
    assert dispatch.method == "MILP"
    assert gaps[0] > gaps[-1]
    assert len(gaps) > 3


def test_without_any_time_the_dispatch_is_a_rule_s() -> None:
    community = homes()
    prices = 0.2 + 0.1 * np.sin(np.arange(200))
    scenario = scenario_of(community, np.arange(200.0)[:, None] % 7, 2.0, retail_price=prices, feed_in_price=0.0)
    simulator = Simulator(community, scenario, economics=PLAIN, initial_soc=0.0)
    dispatch, run = solved(simulator, time_limit_s=0.0)
    assert dispatch.method == "rule"
    assert_stopped(dispatch, run, solved(simulator)[0])
    # It stores its own surplus and uses it, which costs less than batteries at rest.
    at_rest = replay(simulator, replace(dispatch, battery_kw=np.zeros((200, 1))))
    assert dispatch.objective < at_rest.cost


@given(communities(max_prosumers=4), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_rule_finds_a_dispatch_behind_any_limits(community: Community, seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = 10, community.n_prosumers
    scenario = scenario_of(community, random.uniform(0, 4, shape), random.uniform(0, 6, shape))
    timeline = Timeline(
        n_steps=10, n_prosumers=shape[1], charge_limit_kw=random.choice([0.5, 9.0], shape),
        soc_max=random.choice([0.4, 1.0], shape), grid_import_limit_kw=random.choice([0.0, 2.0, np.inf], 10),
    )  # fmt: skip
    energy = random.uniform(0, 1, shape[1]) * community.battery_capacity_kwh
    problem = known_problem(community, scenario, economics=PLAIN, energy_kwh=energy, timeline=timeline)
    asked, model = start_dispatch(problem), dispatch_program(problem)
    assert asked is not None
    x = point_of(problem, model, asked)
    assert model.program.feasibility_error(x) <= 1e-9
    assert np.minimum(x[model.first], x[model.second]).max(initial=0.0) <= 1e-9
    assert (np.minimum(asked.curtail_kw, asked.shed_kw) == 0).all()


def test_where_a_line_carries_too_much_all_that_adds_to_it_is_cut_in_proportion_by_hand() -> None:
    # 6 and 2 kW out, 3 kW in below one line: 5 kW, of which 2 may pass. So 5 of the 8 kW that flow out stay.
    network = Network.single_feeder(n_prosumers=3, export_limit_kw=2.0)
    community = homes(3, network=network, charge_limit_kw=0.0, discharge_limit_kw=0.0)
    scenario = scenario_of(community, [[0.0, 0.0, 3.0]], [[6.0, 2.0, 0.0]])
    problem = known_problem(community, scenario, economics=PLAIN, energy_kwh=np.zeros(3))
    asked = start_dispatch(problem)
    assert asked is not None
    np.testing.assert_allclose(asked.curtail_kw, [[6 * 3 / 8, 2 * 3 / 8, 0.0]], atol=1e-12)
    np.testing.assert_array_equal(asked.shed_kw, 0.0)

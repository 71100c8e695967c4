"""Grid outages: a community balances itself, sheds no more than it must, and says so; against a linear program."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Limits, Mode, Network, Simulator
from autonomy.assets import Timeline
from autonomy.layers.decision import Cause
from autonomy.layers.errors import ModelError
from autonomy.layers.intent import POLICIES
from autonomy.rollout import roll_out
from tests.homes import homes, scenario_of
from tests.oracle import battery_interval, line_flow, lines_above
from tests.strategies import cases, communities, scenarios

linprog = pytest.importorskip("scipy.optimize").linprog


def outage(steps: int, size: int, first: int = 0, last: int | None = None, limit_kw: float = 0.0) -> Timeline:
    limit = np.full(steps, np.inf)
    limit[first:last] = limit_kw
    return Timeline(n_steps=steps, n_prosumers=size, grid_import_limit_kw=limit, grid_export_limit_kw=limit)


def least_shed_kw(community: Community, observed: Any, grid_kw: float = 0.0) -> float:
    """The least load that has to be shed, by a linear program over b, c and s of every prosumer."""
    size, network = community.n_prosumers, community.network
    box = [battery_interval(community, i, float(observed.soc[i]), 0.0) for i in range(size)]
    box = [(0.0, 0.0) if community.battery_capacity_kwh[i] == 0 else limits for i, limits in enumerate(box)]
    bounds = [*box, *((0.0, float(g)) for g in observed.pv_kw), *((0.0, float(d)) for d in observed.demand_kw)]
    nodes = np.hstack([-np.eye(size), -np.eye(size), np.eye(size)])
    base = observed.pv_kw - observed.demand_kw
    rows, limits = [], []

    def hold(row: Any, rest: float, least: float, most: float) -> None:
        for sign, limit in ((1.0, most), (-1.0, -least)):
            if np.isfinite(limit):
                rows.append(sign * row)
                limits.append(limit - sign * rest)

    for i in range(size):
        hold(nodes[i], base[i], -community.connection_limit_kw[i], community.connection_limit_kw[i])
    for line in range(network.n_lines):
        below = np.array([float(line in lines_above(network, i)) for i in range(size)])
        least, most = -network.import_limit_kw[line], network.export_limit_kw[line]
        if network.parent[line] < 0:
            least, most = max(least, -grid_kw), min(most, grid_kw)
        hold(below @ nodes, float(below @ base), least, most)
    cost = np.concatenate([np.zeros(2 * size), np.ones(size)])
    kept = {"A_ub": np.array(rows), "b_ub": np.array(limits)} if rows else {}
    answer = linprog(cost, bounds=bounds, **kept)
    assert answer.status == 0, answer.message
    return float(answer.fun)


@given(cases())
@settings(max_examples=100)
def test_an_island_balances_to_a_milliwatt_a_prosumer_and_sheds_the_least_there_is(case: Any) -> None:
    community, observed, intent = case
    size = community.n_prosumers
    given_ = {**vars(observed), "limits": Limits(grid_import_limit_kw=0.0, grid_export_limit_kw=0.0)}
    decision = Controller(community, policy=lambda _c, _o: intent).step(given_)
    root = int(np.argmin(community.network.parent))
    assert abs(line_flow(community.network, decision.net_export_kw, root)) <= size * 1e-6
    assert decision.mode in (Mode.POLICY, Mode.PROJECTED)
    expected = least_shed_kw(community, observed)
    assert decision.shed_kw.sum() == pytest.approx(expected, abs=1e-4)
    assert (decision.shed_kw.sum() > 1e-3) <= any(reason.cause is Cause.SHED for reason in decision.reasons)


@given(cases(), st.sampled_from([0.5, 2.0, 7.0]))
@settings(max_examples=40)
def test_a_smaller_grid_limit_is_kept_like_a_smaller_feeder(case: Any, grid_kw: float) -> None:
    community, observed, intent = case
    limits = Limits(grid_import_limit_kw=grid_kw, grid_export_limit_kw=grid_kw)
    decision = Controller(community, policy=lambda _c, _o: intent).step({**vars(observed), "limits": limits})
    root = int(np.argmin(community.network.parent))
    flow = line_flow(community.network, decision.net_export_kw, root)
    assert abs(flow) <= grid_kw + community.n_prosumers * 1e-6
    assert decision.shed_kw.sum() == pytest.approx(least_shed_kw(community, observed, grid_kw), abs=1e-4)


@given(communities(with_ramp=True), st.data())
@settings(max_examples=10)
def test_no_policy_breaks_a_rule_before_during_or_after_an_outage(community: Community, data: st.DataObject) -> None:
    scenario = data.draw(scenarios(community, min_steps=6, max_steps=8))
    timeline = outage(scenario.n_steps, community.n_prosumers, 2, 5)
    for name in POLICIES:
        run = roll_out(Simulator(community, scenario, timeline=timeline), Controller(community, policy=name), name=name)
        assert run.violations == (), name
        assert np.all(np.abs(run.feeder_kw[2:5]) <= community.n_prosumers * 1e-6)


def test_a_grid_limit_never_widens_the_feeders_own_and_an_unusable_one_is_said_and_ignored() -> None:
    network = Network.single_feeder(n_prosumers=1, import_limit_kw=2.0, export_limit_kw=1.0)
    community = homes(network=network, battery_capacity_kwh=0.0, charge_limit_kw=0.0, discharge_limit_kw=0.0)
    seen = {"demand_kw": [3.0], "pv_kw": [0.0], "soc": [0.0], "retail_price": [0.3], "feed_in_price": [0.1]}

    def shed(limits: Any) -> tuple[float, set[Cause]]:
        decision = Controller(community).step({**seen, "limits": limits})
        return float(decision.shed_kw[0]), {reason.cause for reason in decision.reasons}

    assert shed({"grid_import_limit_kw": 9.0})[0] == pytest.approx(1.0, abs=1e-5)
    assert shed({"grid_import_limit_kw": 0.5})[0] == pytest.approx(2.5, abs=1e-5)
    for wrong in (np.nan, -1.0, "none", [1.0, 2.0], 1j):
        amount, causes = shed({"grid_import_limit_kw": wrong})
        assert amount == pytest.approx(1.0, abs=1e-5)
        assert Cause.LIMITS_REJECTED in causes


def test_an_outage_by_hand() -> None:
    # Two homes, the grid is gone in the second hour. The first has 3 kW to spare, the second lacks 4 kW and has 1 kWh.
    community = homes(2)
    scenario = scenario_of(community, [[1.0, 4.0]] * 3, [[4.0, 0.0]] * 3)
    simulator = Simulator(community, scenario, initial_soc=[0.0, 0.0], timeline=outage(3, 2, 1, 2))
    run = roll_out(simulator, Controller(community, policy="grid-only"), name="x")
    np.testing.assert_allclose(run.feeder_kw, [-1.0, 0.0, -1.0], atol=1e-5)
    np.testing.assert_allclose(run.shed_kw.sum(axis=1), [0.0, 1.0, 0.0], atol=1e-5)
    assert run.violations == ()
    charged = Simulator(community, scenario, initial_soc=[0.0, 0.1], timeline=outage(3, 2, 1, 2))
    run = roll_out(charged, Controller(community, policy="grid-only"), name="x")
    np.testing.assert_allclose(run.shed_kw, 0.0, atol=1e-5)
    np.testing.assert_allclose(run.battery_kw[1], [0.0, -1.0], atol=1e-5)


def test_what_lines_lose_in_an_island_is_all_that_passes_the_feeder() -> None:
    network = Network.single_feeder(n_prosumers=2, import_limit_kw=20.0, export_limit_kw=20.0, resistance_ohm=0.05)
    below = Network(
        parent=np.array([-1, 0]), bus_of_prosumer=np.array([0, 1]), import_limit_kw=np.array([20.0, 20.0]),
        export_limit_kw=np.array([20.0, 20.0]), resistance_ohm=np.array([0.05, 0.05]),
    )  # fmt: skip
    for lossy in (network, below):
        community = homes(2, network=lossy)
        scenario = scenario_of(community, [[1.0, 4.0]] * 3, [[4.0, 0.0]] * 3)
        simulator = Simulator(community, scenario, timeline=outage(3, 2))
        run = roll_out(simulator, Controller(community), name="x")
        assert run.violations == ()
        np.testing.assert_allclose(run.feeder_kw, -run.loss_kw, atol=3e-6)
        assert np.all(run.loss_kw <= lossy.worst_case_loss_kw[0])


def test_an_empty_timeline_is_no_timeline_to_the_last_bit() -> None:
    community = homes(2)
    scenario = scenario_of(community, [[1.0, 4.0]] * 5, [[4.0, 0.0]] * 5)
    nothing = Timeline(
        n_steps=5, n_prosumers=2, charge_limit_kw=np.full((5, 2), np.inf), active=np.ones((5, 2), dtype=bool),
        grid_import_limit_kw=np.full(5, np.inf), required_kwh=np.full((5, 2), -np.inf),
    )  # fmt: skip
    assert nothing.is_empty
    runs = [
        roll_out(Simulator(community, scenario, timeline=given_), Controller(community), name="x")
        for given_ in (None, nothing)
    ]
    for field in ("battery_kw", "net_export_kw", "energy_kwh", "bill", "step_cost", "reward", "trade_kw"):
        assert getattr(runs[0], field).tobytes() == getattr(runs[1], field).tobytes()


def test_a_timeline_that_does_not_fit_is_refused_by_name() -> None:
    community = homes(2)
    scenario = scenario_of(community, [[1.0, 4.0]] * 3, 0.0)
    with pytest.raises(ModelError, match="timeline"):
        Simulator(community, scenario, timeline=outage(4, 2))
    with pytest.raises(ModelError, match=r"grid_import_limit_kw\[1\]"):
        Timeline(n_steps=2, n_prosumers=1, grid_import_limit_kw=np.array([0.0, -1.0]))
    with pytest.raises(ModelError, match=r"soc_max\[0, 0\]"):
        Timeline(n_steps=1, n_prosumers=1, soc_max=np.array([[np.nan]]))
    with pytest.raises(ModelError, match="charge_limit_kw"):
        Timeline(n_steps=2, n_prosumers=2, charge_limit_kw=np.zeros((3, 2)))
    with pytest.raises(ModelError, match="window"):
        outage(4, 2).window(2, 5)
    assert outage(6, 2, 2, 4).window(2, 4).limited.all()
    assert outage(6, 2, 2, 4).window(4, 6).is_empty

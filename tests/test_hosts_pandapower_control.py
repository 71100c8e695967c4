"""The controller inside pandapower's own loop; run where pandapower and simbench are installed, see docs/hosts.md."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autonomy import Controller, Mode, Supervisor
from autonomy.hosts import Bare, Tolerance, check_steps, play, tally
from autonomy.hosts.comparison import battery_intent
from autonomy.hosts.pandapower_host import ACCURACY, PandapowerHost
from autonomy.hosts.pandapower_net import community_of, profiles_of, simbench_profiles
from autonomy.hosts.simbench import BATTERY
from autonomy.layers.decision import Cause
from autonomy.layers.errors import ModelError

simbench = pytest.importorskip("simbench")
pandapower = pytest.importorskip("pandapower")
timeseries = pytest.importorskip("pandapower.timeseries")
FIRST = 96 * 147
"""The first quarter of an hour of a sunny day in May."""
NOON = range(FIRST + 40, FIRST + 52)
START = "2016-01-01"
TOLERANCE = Tolerance(feeder_kw=0.2)
"""Line losses of the model are those at nominal voltage and without reactive power."""
LOADING = [
    ("res_line", "loading_percent"),
    ("res_trafo", "loading_percent"),
    ("load", "p_mw"),
    ("storage", "soc_percent"),
]


def greedy(community: Any, observation: Any) -> Any:
    hour = int(observation.time.astype("datetime64[h]").astype(int) % 24)
    share = 1.0 if hour < 4 else -1.0 if 11 <= hour < 14 else 0.3 * np.sin(observation.demand_kw.sum())
    return battery_intent(share * community.charge_limit_kw, observation)


@pytest.fixture(scope="module")
def profiled() -> Any:
    net = simbench.get_simbench_net("1-LV-rural1--0-sw")
    values = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    simbench.apply_const_controllers(net, values)
    return net


@pytest.fixture
def net(profiled: Any) -> Any:
    return copy.deepcopy(profiled)


def controlled(net: Any, *, time_steps: Any = NOON, **options: Any) -> Any:
    """A control in a net."""
    from autonomy.hosts.pandapower_control import CommunityControl  # noqa: PLC0415 - needs pandapower

    community = community_of(net, profiles_of(net, time_steps=time_steps, timestep_h=0.25), **BATTERY)
    controller = Controller(community, policy=greedy, supervisor=Supervisor(accuracy=ACCURACY))
    return CommunityControl(net, controller, start=START, **options)


def run(net: Any, time_steps: Any = NOON, **options: Any) -> dict[str, Any]:
    writer = timeseries.OutputWriter(net, log_variables=list(LOADING))
    timeseries.run_timeseries(net, time_steps=time_steps, verbose=False, **options)
    output: dict[str, Any] = writer.output
    return output


def same(one: Any, other: Any) -> None:
    """Both runs decided the same to the last bit, with the same readings."""
    assert len(one) == len(other) > 0
    for mine, theirs in zip(one, other, strict=True):
        for name in ("demand_kw", "pv_kw", "soc", "time"):
            np.testing.assert_array_equal(getattr(mine.observation, name), getattr(theirs.observation, name))
            np.testing.assert_array_equal(getattr(mine.after, name), getattr(theirs.after, name))
        for name in ("battery_kw", "curtail_kw", "shed_kw", "generation_cap_kw", "load_cap_kw"):
            np.testing.assert_array_equal(getattr(mine.decision, name), getattr(theirs.decision, name))
        assert mine.decision.mode is theirs.decision.mode
        np.testing.assert_array_equal(mine.after.applied_battery_kw, theirs.after.applied_battery_kw)


def test_a_day_is_that_of_the_host(net: Any) -> None:
    day = range(FIRST, FIRST + 96)
    profiles = simbench_profiles(net, first=FIRST, steps=97)
    host = PandapowerHost(net, profiles, community_of(net, profiles, **BATTERY))
    expected = list(
        play(host, Controller(host.community, policy=greedy, supervisor=Supervisor(accuracy=ACCURACY)).step, steps=96)
    )
    control = controlled(net, time_steps=range(FIRST, FIRST + 97))
    run(net, day)
    steps = control.steps
    # The last step has no next one in the run, and so repeats its own demand.
    same(steps[:-1], expected[:-1])
    np.testing.assert_array_equal(steps[-1].after.soc, expected[-1].after.soc)
    # The host's power flows start from the last result and the loop's do not: two iterations to 1e-8 MVA.
    for mine, theirs in zip(steps, expected, strict=True):
        assert mine.after.feeder_kw == pytest.approx(theirs.after.feeder_kw, abs=1e-4)
        assert mine.excess_kw == pytest.approx(theirs.excess_kw, abs=1e-3)
    assert {decision.mode for decision in control.decisions} >= {Mode.POLICY, Mode.PROJECTED}


def test_the_profiles_of_a_net_are_those_of_simbench(net: Any) -> None:
    found = profiles_of(net, time_steps=NOON, timestep_h=0.25, start="2016-05-27T10:00")
    expected = simbench_profiles(net, first=NOON[0], steps=len(NOON))
    for name in ("load_mw", "load_mvar", "plant_mw", "time"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_nothing_is_overloaded_where_the_policy_alone_overloads(net: Any) -> None:
    control = controlled(net)
    behind, control.controller = control.controller, Bare(control.community, greedy)
    alone_output, alone = run(net), tally(control, control.steps)
    control.controller = behind
    output, ours = run(net), tally(control, control.steps)
    assert alone_output["res_trafo.loading_percent"].to_numpy().max() > 110
    assert alone.violations > 0
    for table in ("res_line.loading_percent", "res_trafo.loading_percent"):
        assert len(output[table]) == len(NOON)
        assert output[table].to_numpy().max() <= 100
    assert ours.violations == 0
    assert ours.unmet_kwh < 1e-9


def test_what_was_recorded_passes_the_check_and_says_why(net: Any) -> None:
    control = controlled(net)
    run(net)
    report = check_steps(control, control.steps, tolerance=TOLERANCE)
    assert report.is_conformant, str(report)
    changed = [decision for decision in control.decisions if decision.mode is Mode.PROJECTED]
    assert changed
    assert all(decision.reasons for decision in changed)
    doubts = {Cause.SOC_BALANCE, Cause.SET_POINT_IGNORED, Cause.FEEDER_BALANCE, Cause.FEEDER_METER}
    assert not doubts & {reason.cause for decision in control.decisions for reason in decision.reasons}


def test_a_control_that_applies_something_else_is_found_by_the_check(net: Any) -> None:
    control = controlled(net)
    run(net)
    off = replace(control.decisions[3], battery_kw=control.decisions[3].battery_kw + 0.01)
    control.steps[3] = replace(control.steps[3], decision=off)
    report = check_steps(control, control.steps, tolerance=TOLERANCE)
    assert {finding.check for finding in report.findings} == {"asked equals applied", "predicted equals measured SoC"}


def test_the_energy_is_worked_by_hand(net: Any) -> None:
    control = controlled(net, initial_soc=0.5)
    run(net, [NOON[0]])
    battery = control.decisions[0].battery_kw
    # 20 kWh, 0.95 each way, a quarter of an hour.
    change = np.where(battery > 0, 0.95 * battery, battery / 0.95) * 0.25 / 20
    np.testing.assert_allclose(net.storage.soc_percent / 100, 0.5 + change, atol=1e-12)
    assert np.abs(change).max() > 0.01


def test_a_second_run_starts_anew_and_is_the_first(net: Any) -> None:
    control = controlled(net)
    once = run(net)
    first = control.steps
    assert net.storage.soc_percent.to_numpy() != pytest.approx(50.0)
    twice = run(net)
    same(control.steps, first)
    np.testing.assert_array_equal(twice["storage.soc_percent"].iloc[0], 50.0)
    for table in ("load.p_mw", "storage.soc_percent", "res_line.loading_percent"):
        np.testing.assert_array_equal(twice[table], once[table])


def test_a_copied_net_plays_the_same(net: Any) -> None:
    control = controlled(net)
    other = copy.deepcopy(net)
    pickled = pickle.loads(pickle.dumps(net.controller.object.iloc[-1]))  # noqa: S301 - ours
    run(net)
    run(other)
    same(other.controller.object.iloc[-1].steps, control.steps)
    assert type(pickled) is type(control)


def test_the_output_writer_sees_what_was_served_and_the_tables_are_put_back(net: Any) -> None:
    control = controlled(net)
    # Half the feeder's limit: something has to be cut.
    control.controller = Controller(squeezed(control.community), policy=greedy)
    output = run(net)
    curtailed = np.array([decision.curtail_kw for decision in control.decisions])
    assert curtailed.sum() > 1
    values = profiles_of(net, time_steps=NOON, timestep_h=0.25)
    shed = np.array([decision.shed_kw for decision in control.decisions])
    np.testing.assert_allclose(1e3 * output["load.p_mw"], 1e3 * values.load_mw - shed, atol=1e-9)
    np.testing.assert_array_equal(net.load.p_mw, values.load_mw[-1])
    np.testing.assert_array_equal(net.sgen.p_mw, values.plant_mw[-1])
    np.testing.assert_array_equal(net.storage.p_mw, 0.0)
    soc = output["storage.soc_percent"].to_numpy()
    np.testing.assert_array_equal(soc, [100 * step.observation.soc for step in control.steps])


def squeezed(community: Any) -> Any:
    network = community.network
    limit = network.export_limit_kw.copy()
    limit[0] *= 0.3
    return replace(community, network=replace(network, export_limit_kw=limit))


@pytest.mark.parametrize("level", [-2, 5])
def test_the_order_among_profiles_does_not_matter(net: Any, level: int) -> None:
    other = copy.deepcopy(net)
    first, control = controlled(other, level=level), controlled(net)
    run(net)
    run(other)
    same(first.steps, control.steps)


def late(net: Any, hook: str, **options: Any) -> Any:
    class LateLoad(pandapower.control.basic_controller.Controller):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(net, initial_run=False, **options)
            self.applied = False

        def time_step(self, net: Any, time: Any) -> None:
            self.applied = False
            self.write(net, "time_step")

        def initialize_control(self, net: Any) -> None:
            self.write(net, "initialize_control")

        def is_converged(self, net: Any) -> bool:
            return self.applied

        def control_step(self, net: Any) -> None:
            self.write(net, "control_step")
            self.applied = True

        def write(self, net: Any, now: str) -> None:
            if now == hook:
                net.load.loc[3, "p_mw"] = 0.015

    return LateLoad()


@pytest.mark.parametrize("hook", ["initialize_control", "control_step"])
def test_who_writes_after_the_decision_is_refused(net: Any, hook: str) -> None:
    controlled(net)
    late(net, hook, level=1)
    with pytest.raises(ModelError, match=r"net\.load\.p_mw\[3\].*0\.015.*LateLoad"):
        run(net)


def test_who_writes_before_the_decision_is_heard(net: Any) -> None:
    control = controlled(net)
    late(net, "time_step", level=7)
    run(net)
    assert all(step.observation.demand_kw[3] == pytest.approx(15) for step in control.steps)


def test_a_load_without_a_profile_is_not_read_as_it_was_cut(net: Any) -> None:
    net.controller = net.controller[[control.element != "sgen" for control in net.controller.object]]
    net.sgen["p_mw"] = 0.02
    control = controlled(net)
    run(net)
    plants = [step.observation.pv_kw.sum() for step in control.steps]
    assert sum(decision.curtail_kw.sum() for decision in control.decisions) > 1
    np.testing.assert_allclose(plants, 20.0 * len(net.sgen))
    np.testing.assert_allclose(net.sgen.p_mw, 0.02)


def test_steps_that_are_left_out_begin_without_a_past(net: Any) -> None:
    early, later = range(NOON[0], NOON[0] + 3), range(NOON[0] + 20, NOON[0] + 23)
    control = controlled(net)
    run(net, [*early, *later])
    assert control.gaps == [later[0]]
    first = control.steps[3].observation
    assert first.feeder_kw is None
    assert first.applied_battery_kw is None
    assert first.time - control.steps[2].observation.time == np.timedelta64(18 * 15, "m")
    np.testing.assert_array_equal(first.soc, control.steps[2].after.soc)
    assert check_steps(control, control.steps, tolerance=TOLERANCE).is_conformant


@pytest.mark.parametrize("steps", [[NOON[3], NOON[2]], [NOON[0], NOON[0], NOON[1]]])
def test_steps_that_do_not_ascend_are_refused(net: Any, steps: Any) -> None:
    controlled(net)
    with pytest.raises(ModelError, match=r"time_steps.*ascending"):
        run(net, steps)


def test_a_missing_profile_is_refused_before_the_first_step(net: Any) -> None:
    for control in net.controller.object:
        control.data_source.df = control.data_source.df.drop(index=NOON[5])
    ours = controlled(net, time_steps=NOON[:5])
    with pytest.raises(ModelError, match=rf"{NOON[5]}.*profile of load\.p_mw"):
        run(net)
    assert not ours.steps
    with pytest.raises(ModelError, match=rf"{NOON[5]}.*profile of load\.p_mw"):
        profiles_of(net, time_steps=NOON, timestep_h=0.25)


@pytest.mark.parametrize("value", [np.nan, -0.01])
def test_a_number_that_is_none_is_refused_where_it_stands(net: Any, value: float) -> None:
    ours = controlled(net)
    source = net.controller.object.iloc[0].data_source
    source.df.loc[NOON[2], 4] = value
    with pytest.raises(ModelError, match=rf"net\.load\.p_mw\[4\].*in time step {NOON[2]}"):
        run(net)
    assert len(ours.steps) == 2
    source.df.loc[NOON[2], 4] = 0.001
    run(net)
    assert len(ours.steps) == len(NOON)


def test_a_run_that_failed_leaves_nothing_behind(net: Any) -> None:
    control = controlled(net)
    run(net)
    expected, calls = control.steps, []

    def failing(net: Any, **options: Any) -> None:
        calls.append(0)
        if len(calls) == 4:
            raise RuntimeError("enough")
        pandapower.runpp(net, **options)

    with pytest.raises(RuntimeError, match="enough"):
        run(net, run=failing)
    run(net)
    same(control.steps, expected)


def test_a_step_without_a_power_flow_counts_against_us(net: Any) -> None:
    control = controlled(net)
    calls: list[int] = []

    def failing(net: Any, **options: Any) -> None:
        calls.append(0)
        pandapower.runpp(net, **options, **({"max_iteration": 1} if len(calls) in (4, 5) else {}))

    run(net, run=failing, continue_on_divergence=True)
    # A power flow that fails is tried once again.
    broken = [step for step in control.steps if not np.isfinite(step.excess_kw)]
    assert len(control.steps) == len(NOON)
    assert len(broken) == 1
    assert broken[0].after.feeder_kw is None
    np.testing.assert_array_equal(broken[0].after.applied_battery_kw, broken[0].decision.battery_kw)
    assert tally(control, control.steps).violations == len(broken)


def test_scaling_is_power_too(net: Any) -> None:
    control = controlled(net)
    run(net)
    other = copy.deepcopy(net)
    for table in ("load", "sgen"):
        other[table]["scaling"] = 0.5
    for profile in other.controller.object.iloc[:-1]:
        profile.scale_factor = 2.0
    run(other)
    same(other.controller.object.iloc[-1].steps, control.steps)


def test_a_battery_that_is_away_is_not_used(net: Any) -> None:
    control = controlled(net)
    net.storage.loc[2, "in_service"] = False
    run(net)
    powers = np.array([decision.battery_kw for decision in control.decisions])
    assert not powers[:, 2].any()
    assert powers[:, 3].any()


def test_a_net_that_is_not_the_communitys_is_refused(net: Any) -> None:
    control = controlled(net)
    with pytest.raises(ModelError, match=r"net\.controller"):
        type(control)(net, control.controller)
    more = copy.deepcopy(net)
    pandapower.create_load(more, int(more.trafo.lv_bus.iloc[0]), p_mw=0.01)
    with pytest.raises(ModelError, match="n_prosumers"):
        run(more)
    larger = copy.deepcopy(net)
    larger.storage.loc[0, "max_e_mwh"] = 0.03
    with pytest.raises(ModelError, match="max_e_mwh"):
        run(larger)


def test_outside_a_time_series_nothing_is_decided(net: Any) -> None:
    control = controlled(net)
    pandapower.runpp(net, run_control=True)
    assert not control.steps
    np.testing.assert_array_equal(net.storage.p_mw, 0.0)


def test_a_control_from_a_file_says_what_is_missing(net: Any) -> None:
    controlled(net)
    loaded = pandapower.from_json_string(pandapower.to_json(net))
    with pytest.raises(ModelError, match="read from a file"):
        run(loaded)

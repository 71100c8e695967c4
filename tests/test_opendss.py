"""The community simulator against power-flow programs: stored energy, feeder, voltages; planted errors are found."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Network
from autonomy.cli import main
from autonomy.errors import DataError, ModelError, OptionalDependencyError
from autonomy.layers import physics
from autonomy.layers.network import Network as LayersNetwork
from autonomy.layers.physics import LossyFlows
from autonomy.simulator import Simulator

REASON = "needs the power-flow programs of the extra: pip install 'autonomy-stack[hosts]'"
dss = pytest.importorskip("dss", reason=REASON)
pytest.importorskip("power_grid_model", reason=REASON)

from autonomy.benchmark.physics.case import Case, fontana, simbench  # noqa: E402 - after the programs are known to be there
from autonomy.benchmark.physics.run import play, row_of  # noqa: E402
from autonomy.hosts.flows import Flows, Injections, PowerFlowError  # noqa: E402
from autonomy.hosts.grid import Grid  # noqa: E402
from autonomy.hosts.loss_error import loss_band  # noqa: E402
from autonomy.hosts.opendss import OpenDss, opendss_flows  # noqa: E402
from autonomy.hosts.power_grid import power_grid_flows  # noqa: E402
from autonomy.hosts.simbench import GRID_NAME, WEEK_NAME, read_simbench  # noqa: E402

DATA = Path(__file__).parent / "data"
DAY = {"fontana": 24, "simbench": 96, "simbench-reactive": 96}
CASES = {case.name: case.first(DAY[case.name]) for case in (fontana(), *simbench(DATA))}


def one_battery(**changes: Any) -> tuple[Community, Grid]:
    """A home with a battery of 10 kWh behind a line of 0.1 + 0.05j ohm, in quarter hours."""
    network = Network.single_feeder(n_prosumers=1, import_limit_kw=50.0, export_limit_kw=50.0, resistance_ohm=0.1)
    fields: dict[str, Any] = {
        "battery_capacity_kwh": 10.0,
        "charge_limit_kw": 5.0,
        "discharge_limit_kw": 5.0,
        "charge_efficiency": 0.9,
        "discharge_efficiency": 0.8,
        "soc_min": 0.2,
        "network": network,
        "timestep_h": 0.25,
    }
    community = Community(**{**fields, **changes})
    return community, Grid(network=community.network, reactance_ohm=0.05, rating_kva=100.0)  # type: ignore[arg-type]


def steps_of(battery_kw: list[float]) -> Injections:
    column = np.array(battery_kw)[:, None]
    nothing = np.zeros_like(column)
    return Injections(load_kw=nothing, load_kvar=nothing, generation_kw=nothing, battery_kw=column)


@st.composite
def grids(draw: st.DrawFn) -> tuple[Grid, Any, Any]:
    """A small tree of lines with and without resistance, and exports that its voltages can bear."""
    lines = draw(st.integers(1, 6))
    parent = np.array([-1, *(draw(st.integers(0, k - 1)) for k in range(1, lines))])
    prosumers = draw(st.integers(1, 6))

    def column(size: int, low: float, high: float) -> Any:
        return np.array([draw(st.floats(low, high)) for _ in range(size)])

    network = Network(
        parent=parent,
        bus_of_prosumer=np.array([draw(st.integers(0, lines - 1)) for _ in range(prosumers)]),
        import_limit_kw=np.full(lines, 200.0),
        export_limit_kw=np.full(lines, 200.0),
        resistance_ohm=np.where(column(lines, 0.0, 1.0) < 0.2, 0.0, column(lines, 1e-4, 0.03)),
    )
    grid = Grid(network=network, reactance_ohm=column(lines, 1e-4, 0.03), rating_kva=np.full(lines, 100.0))
    net_kw, net_kvar = (column(prosumers, -15.0, 15.0)[None] for _ in range(2))
    return grid, net_kw, net_kvar


def as_injections(net_kw: Any, net_kvar: Any) -> Injections:
    return Injections(
        load_kw=np.maximum(-net_kw, 0.0),
        load_kvar=-net_kvar,
        generation_kw=np.maximum(net_kw, 0.0),
        battery_kw=np.zeros_like(net_kw),
    )


def no_batteries(grid: Grid) -> Community:
    none = {"battery_capacity_kwh": 0.0, "charge_limit_kw": 0.0, "discharge_limit_kw": 0.0}
    return Community(**none, network=grid.network)  # type: ignore[arg-type]


# --- The same day, three times ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["self-consumption", "random", "adversarial"])
@pytest.mark.parametrize("name", CASES)
def test_a_day_is_the_same_in_the_simulator_in_opendss_and_in_power_grid_model(name: str, policy: str) -> None:
    case = CASES[name]
    played = play(case, policy)
    row = row_of(played)
    assert row.faults() == ()
    assert row.energy_difference_kwh < 1e-7
    assert row.throughput_kwh > 20.0
    assert 0.0 < row.feeder_difference_kw <= row.loss_error_kw + 1e-6
    assert row.loss_error_kw < 0.2
    assert max(row.programs_voltage_pu, row.programs_loading) < 1e-8
    assert row.programs_flow_kw < 1e-6
    # Flows keep their limits in the power flow too, and a kW of flow is nearly a kVA of current.
    assert row.over_limit_kw < 1e-6
    assert row.loading == pytest.approx(row.model_loading, rel=0.05)
    assert 0.95 < row.voltage_min_pu < row.voltage_max_pu < 1.05
    assert row.voltage_min_pu < 1.0
    assert played.opendss.energy_kwh is not None
    assert np.ptp(played.opendss.energy_kwh, axis=0)[case.community.has_battery].min() > 0.1


def test_the_tables_hold_what_was_played() -> None:
    played = play(CASES["simbench"], "adversarial")
    row, hours = row_of(played), 0.25
    assert (row.case, row.policy, row.steps, row.timestep_h) == ("simbench", "adversarial", 96, hours)
    assert row.model_loss_kwh == pytest.approx(hours * played.trajectory.loss_kw.sum())
    assert row.loss_kwh == pytest.approx(hours * played.power_grid.loss_kw.sum())
    assert row.import_kw == pytest.approx(-played.power_grid.feeder_kw.min())
    assert row.loading == pytest.approx(played.power_grid.loading.max())
    assert row.voltage_max_pu == pytest.approx(played.power_grid.voltage_pu.max())


def test_a_controller_that_sees_opendss_alone_decides_as_in_the_simulator() -> None:
    case = CASES["simbench"]
    simulator, controller = Simulator(case.community, case.scenario), Controller(case.community, policy="random")
    expected = play(case, "random").trajectory
    simulator.reset()
    circuit = OpenDss(case.community, case.grid, simulator.energy_kwh)
    nothing = np.zeros(case.community.n_prosumers)
    for k in range(case.scenario.n_steps):
        decision = controller.step(simulator.observe())
        np.testing.assert_allclose(decision.battery_kw, expected.battery_kw[k], atol=1e-6)
        executed = simulator.execute(decision).execution
        seen = circuit.step(
            executed.demand_kw - executed.shed_kw, nothing, executed.pv_kw - executed.curtail_kw, executed.battery_kw
        )
        # From here on the controller knows what OpenDSS's meters say, not what the simulator thinks.
        simulator.energy_kwh, simulator.battery_kw = seen.energy_kwh, circuit.battery_kw
        simulator.feeder_kw = float(seen.upstream_kw[0])
    np.testing.assert_allclose(circuit.energy_kwh, expected.energy_kwh[-1], atol=1e-6)


# --- Planted errors --------------------------------------------------------------------------------------------------

rated_energy_after_kwh, net_export, lossy_flows = (
    physics.rated_energy_after_kwh,
    physics.net_export,
    physics.lossy_flows,
)


def energy_with(change: Callable[[Community, Any], tuple[Any, Any]]) -> Callable[..., Any]:
    """The simulator's balance with kW that flow in and out of the store as `change` says."""

    def after(community: Community, energy_kwh: Any, battery_kw: Any) -> Any:
        charge, discharge = change(community, battery_kw)
        return energy_kwh + community.timestep_h * (charge - discharge)

    return after


def charged(battery_kw: Any) -> tuple[Any, Any]:
    return np.maximum(battery_kw, 0.0), np.maximum(-battery_kw, 0.0)


def tripled_losses(network: LayersNetwork, net_export_kw: Any) -> LossyFlows:
    flows = lossy_flows(network, net_export_kw)
    return LossyFlows(flows.downstream_kw - 2.0 * flows.loss_kw, 3.0 * flows.loss_kw)


ENERGY, FEEDER = "stored energy differs", "the feeder's flow is"
PLANTED: dict[str, tuple[str, Any, str]] = {
    "a sign error of the battery's energy": (
        "rated_energy_after_kwh",
        lambda c, e, b: rated_energy_after_kwh(c, e, -b),
        ENERGY,
    ),
    "kWh for kW": (
        "rated_energy_after_kwh",
        lambda c, e, b: rated_energy_after_kwh(c, e, b / c.timestep_h),
        ENERGY,
    ),
    "the round trip's efficiency on either way": (
        "rated_energy_after_kwh",
        energy_with(
            lambda c, b: (charged(b)[0] * c.charge_efficiency**2, charged(b)[1] / c.discharge_efficiency**2),
        ),
        ENERGY,
    ),
    "a discharge that multiplies by its efficiency": (
        "rated_energy_after_kwh",
        energy_with(lambda c, b: (charged(b)[0] * c.charge_efficiency, charged(b)[1] * c.discharge_efficiency)),
        ENERGY,
    ),
    "an efficiency wrong by a thousandth": (
        "rated_energy_after_kwh",
        energy_with(lambda c, b: (charged(b)[0] * c.charge_efficiency * 0.999, charged(b)[1] / c.discharge_efficiency)),
        ENERGY,
    ),
    "a sign error of the battery at the node": (
        "net_export",
        lambda generation, load, battery: generation - load + battery,
        FEEDER,
    ),
    "a node without its battery": ("net_export", lambda generation, load, battery: generation - load, FEEDER),
    "losses of three phases counted thrice": ("lossy_flows", tripled_losses, FEEDER),
    "losses forgotten": (
        "lossy_flows",
        lambda network, net: LossyFlows(physics.line_flows(network, net), np.zeros(network.n_lines)),
        FEEDER,
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_error_of_the_simulator_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, wrong, sentence = PLANTED[name]
    case = CASES["simbench"]
    monkeypatch.setattr(physics, function, wrong)
    assert [fault for fault in row_of(play(case, "random")).faults() if fault.startswith(sentence)], name


def test_an_adapter_that_forgets_curtailment_or_the_sign_of_a_battery_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    case, right = CASES["fontana"], Injections.of
    curtailed = play(case, "adversarial").trajectory
    assert curtailed.curtail_kw.sum() > 1.0

    def plant(**changes: Callable[[Injections, Any], Any]) -> tuple[str, ...]:
        def wrong(trajectory: Any, demand_kvar: Any = None) -> Injections:
            good = right(trajectory, demand_kvar)
            fields = ("load_kw", "load_kvar", "generation_kw", "battery_kw")
            return Injections(
                **{
                    field: changes[field](good, trajectory) if field in changes else getattr(good, field)
                    for field in fields
                }
            )

        monkeypatch.setattr(Injections, "of", wrong)
        return row_of(play(case, "adversarial")).faults()

    assert any(fault.startswith(FEEDER) for fault in plant(generation_kw=lambda _, trajectory: trajectory.pv_kw))
    flipped = plant(battery_kw=lambda good, _: -good.battery_kw)
    assert {sentence for sentence in (ENERGY, FEEDER) if any(fault.startswith(sentence) for fault in flipped)} == {
        ENERGY,
        FEEDER,
    }


def test_voltages_outside_the_band_of_the_stated_error_prove_nothing() -> None:
    case = CASES["simbench"]
    low = Grid(
        network=case.grid.network,
        reactance_ohm=case.grid.reactance_ohm,
        rating_kva=case.grid.rating_kva,
        grid_voltage_pu=0.85,
    )
    row = row_of(play(Case(name="low", community=case.community, grid=low, scenario=case.scenario), "random"))
    assert np.isnan(row.excess_kw)
    assert any(fault.startswith(FEEDER) for fault in row.faults())


def test_from_a_grid_below_nominal_voltage_a_limit_is_passed_by_no_more_than_the_stated_error() -> None:
    case = CASES["fontana"]
    grid = Grid(
        network=case.grid.network,
        reactance_ohm=case.grid.reactance_ohm,
        rating_kva=case.grid.rating_kva,
        grid_voltage_pu=0.95,
    )
    row = row_of(play(Case(name="sagging", community=case.community, grid=grid, scenario=case.scenario), "random"))
    assert 0.01 < row.over_limit_kw <= row.loss_error_kw
    assert row.faults() == ()


# --- OpenDSS, by hand ------------------------------------------------------------------------------------------------


def test_stored_energy_by_hand() -> None:
    community, grid = one_battery()
    flows = opendss_flows(community, grid, steps_of([4.0, -4.0, 0.0]), np.array([5.0]))
    assert flows.energy_kwh is not None
    # 4 kW for a quarter of an hour is 1 kWh: 0.9 of it arrives, and 1/0.8 is taken out for it.
    np.testing.assert_allclose(flows.energy_kwh[:, 0], [5.0, 5.9, 4.65, 4.65], atol=1e-9)


def test_opendss_does_not_go_below_the_reserve_or_above_the_capacity() -> None:
    community, grid = one_battery()
    flows = opendss_flows(community, grid, steps_of([-5.0, -5.0, *[5.0] * 9]), np.array([2.5]))
    assert flows.energy_kwh is not None
    assert flows.energy_kwh.min() == pytest.approx(2.0, abs=1e-9)
    assert flows.energy_kwh.max() == pytest.approx(10.0, abs=1e-9)
    assert flows.feeder_kw[0] == pytest.approx(5.0, rel=0.01)
    assert flows.feeder_kw[1] == pytest.approx(0.0, abs=1e-6), "an empty battery gives nothing"


@settings(max_examples=25, deadline=None)
@given(st.floats(-40.0, 40.0), st.floats(-20.0, 20.0), st.floats(0.95, 1.05))
def test_the_voltage_behind_one_line_solves_its_quadratic_equation(net_kw: float, net_kvar: float, grid_pu: float):
    network = Network.single_feeder(n_prosumers=1, import_limit_kw=90.0, export_limit_kw=90.0, resistance_ohm=0.1)
    grid = Grid(network=network, reactance_ohm=0.05, rating_kva=100.0, grid_voltage_pu=grid_pu)  # type: ignore[arg-type]
    # v² − (v0 + 2·(r·p + x·q))·v + (r² + x²)·(p² + q²) = 0, per unit: kW and kvar over 160,000/1,000.
    r, x, p, q = 0.1, 0.05, net_kw / 160.0, net_kvar / 160.0
    half = grid_pu**2 / 2 + r * p + x * q
    square = half + np.sqrt(half**2 - (r**2 + x**2) * (p**2 + q**2))
    injections = as_injections(np.array([[net_kw]]), np.array([[net_kvar]]))
    lost = 160.0 * r * (p**2 + q**2) / square
    for flows in (opendss_flows(no_batteries(grid), grid, injections, np.zeros(1)), power_grid_flows(grid, injections)):
        assert flows.voltage_pu[0, 0] == pytest.approx(np.sqrt(square), abs=1e-8)
        assert flows.loss_kw[0] == pytest.approx(lost, abs=1e-6)
        assert flows.feeder_kw[0] == pytest.approx(net_kw - lost, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(grids())
def test_both_programs_agree_on_any_tree(drawn: tuple[Grid, Any, Any]) -> None:
    grid, net_kw, net_kvar = drawn
    injections = as_injections(net_kw, net_kvar)
    one = opendss_flows(no_batteries(grid), grid, injections, np.zeros(net_kw.size))
    other = power_grid_flows(grid, injections)
    for name in ("voltage_pu", "loading"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-7)
    for name in ("downstream_kw", "upstream_kw"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-5)


def test_a_line_without_resistance_loses_nothing() -> None:
    network = Network.single_feeder(n_prosumers=2)
    grid = Grid(network=network, reactance_ohm=0.01, rating_kva=100.0)  # type: ignore[arg-type]
    net_kw = np.array([[30.0, -10.0], [-20.0, -5.0]])
    injections = as_injections(net_kw, np.zeros((2, 2)))
    for flows in (opendss_flows(no_batteries(grid), grid, injections, np.zeros(2)), power_grid_flows(grid, injections)):
        np.testing.assert_allclose(flows.feeder_kw, net_kw.sum(axis=1), atol=1e-6)
        np.testing.assert_allclose(flows.loss_kw, 0.0, atol=1e-6)


def test_a_circuit_that_the_caller_has_open_is_left_alone() -> None:
    engine = dss.DSS
    engine.Text.Command = "clear"
    engine.Text.Command = "new circuit.mine basekv=11 bus1=somewhere"
    community, grid = one_battery()
    opendss_flows(community, grid, steps_of([1.0]), np.array([5.0]))
    assert engine.ActiveCircuit.Name == "mine"
    engine.Text.Command = "clear"


# --- The stated loss error -------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(grids())
def test_the_stated_error_holds_on_any_tree_and_more_sweeps_narrow_it(drawn: tuple[Grid, Any, Any]) -> None:
    grid, net_kw, net_kvar = drawn
    flows = power_grid_flows(grid, as_injections(net_kw, net_kvar))
    if flows.voltage_pu.min() < 0.9 or flows.voltage_pu.max() > 1.1:
        return
    model = physics.lossy_flows(grid.network, net_kw[0]).loss_kw.sum()
    width = np.inf
    for sweeps in (1, 2, 4):
        band = loss_band(grid, net_kw, net_kvar, sweeps=sweeps)
        assert band.lowest_kw[0] - 1e-8 <= model <= band.highest_kw[0] + 1e-8
        assert band.lowest_kw[0] - 1e-8 <= flows.loss_kw[0] <= band.highest_kw[0] + 1e-8
        assert abs(model - flows.loss_kw[0]) <= band.error_kw[0] + 1e-8
        assert band.error_kw[0] <= width + 1e-12
        width = band.error_kw[0]


def test_the_stated_error_of_one_line_by_hand() -> None:
    _, grid = one_battery()
    exports = np.array([[-16.0]])
    band = loss_band(grid, exports, np.zeros((1, 1)), sweeps=1)
    # 16 kW are 0.1 per unit of 160 kW, and 0.1 ohm lose 0.1·0.1² of these at 1.0, more below and less above.
    np.testing.assert_allclose([band.lowest_kw[0], band.highest_kw[0]], [0.16 / 1.21, 0.16 / 0.81])
    # Of reactive power the model knows nothing: half as many kvar as kW make a quarter more.
    reactive = loss_band(grid, exports, exports / 2, sweeps=1)
    np.testing.assert_allclose([reactive.lowest_kw[0], reactive.highest_kw[0]], [0.16 / 1.21, 0.2 / 0.81])


def test_the_stated_error_does_not_follow_a_wrong_model(monkeypatch: pytest.MonkeyPatch) -> None:
    _, grid = one_battery()
    before = loss_band(grid, np.array([[-16.0]]), np.zeros((1, 1)))
    monkeypatch.setattr(physics, "lossy_flows", tripled_losses)
    assert loss_band(grid, np.array([[-16.0]]), np.zeros((1, 1))).error_kw == before.error_kw


# --- Wrong input -----------------------------------------------------------------------------------------------------


def test_a_grid_of_another_network_is_refused() -> None:
    community, _ = one_battery()
    _, other = one_battery()
    with pytest.raises(ModelError, match=r"grid\.network"):
        OpenDss(community, other, np.array([5.0]))


def test_batteries_that_discharge_by_themselves_are_refused() -> None:
    community, grid = one_battery(self_discharge_per_h=0.001)
    with pytest.raises(ModelError, match="self_discharge_per_h"):
        OpenDss(community, grid, np.array([5.0]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reactance_ohm": -0.1}, r"reactance_ohm\[0\]"),
        ({"reactance_ohm": np.nan}, r"reactance_ohm\[0\]"),
        ({"rating_kva": 0.0}, r"rating_kva\[0\]"),
        ({"grid_voltage_pu": np.nan}, "grid_voltage_pu"),
        ({"frequency_hz": 0.0}, "frequency_hz"),
    ],
)
def test_a_grid_out_of_range_is_refused(change: dict[str, Any], message: str) -> None:
    network = Network.single_feeder(n_prosumers=1)
    with pytest.raises(ModelError, match=message):
        Grid(**{"network": network, "reactance_ohm": 0.1, "rating_kva": 100.0, **change})


def test_a_line_without_any_impedance_is_refused() -> None:
    with pytest.raises(ModelError, match="without resistance"):
        Grid(network=Network.single_feeder(n_prosumers=1), reactance_ohm=0.0, rating_kva=100.0)  # type: ignore[arg-type]


def test_set_points_of_different_shapes_or_without_a_number_are_refused() -> None:
    table = np.zeros((2, 3))
    good = {"load_kw": table, "load_kvar": table, "generation_kw": table, "battery_kw": table}
    assert Injections(**good).n_steps == 2
    with pytest.raises(ModelError, match="battery_kw"):
        Injections(**{**good, "battery_kw": np.zeros((2, 2))})
    with pytest.raises(ModelError, match="load_kvar"):
        Injections(**{**good, "load_kvar": np.full((2, 3), np.nan)})


@pytest.mark.parametrize("flows", [lambda g, i: opendss_flows(no_batteries(g), g, i, np.zeros(1)), power_grid_flows])
def test_a_load_that_no_voltage_can_carry_is_an_error(flows: Callable[[Grid, Injections], Flows]) -> None:
    _, grid = one_battery()
    too_much = as_injections(np.array([[-900.0]]), np.zeros((1, 1)))
    with pytest.raises(PowerFlowError, match="found no power flow"):
        flows(grid, too_much)


@pytest.mark.parametrize("library", ["dss", "power_grid_model"])
def test_a_program_that_is_not_installed_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, grid = one_battery()
    monkeypatch.setitem(sys.modules, library, None)
    injections = as_injections(np.zeros((1, 1)), np.zeros((1, 1)))
    programs: dict[str, Callable[[], Flows]] = {
        "dss": lambda: opendss_flows(no_batteries(grid), grid, injections, np.zeros(1)),
        "power_grid_model": lambda: power_grid_flows(grid, injections),
    }
    with pytest.raises(OptionalDependencyError, match=r"autonomy-stack\[hosts\]"):
        programs[library]()


def test_importing_the_package_loads_no_power_flow_program() -> None:
    code = "import sys, autonomy, autonomy.hosts.opendss, autonomy.hosts.power_grid; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=DATA.parent.parent
    )
    assert {"autonomy.hosts.opendss"} <= set(loaded.stdout.split())
    assert not {"dss", "power_grid_model"} & set(loaded.stdout.split())


def test_reactive_power_goes_with_the_load_that_is_shed() -> None:
    case = CASES["simbench-reactive"]
    assert case.demand_kvar is not None
    trajectory = play(case, "random").trajectory
    object.__setattr__(trajectory, "shed_kw", 0.25 * trajectory.demand_kw)
    injections = Injections.of(trajectory, case.demand_kvar)
    np.testing.assert_allclose(injections.load_kvar, 0.75 * case.demand_kvar, atol=1e-12)
    np.testing.assert_allclose(injections.load_kw, 0.75 * trajectory.demand_kw)


def test_the_simbench_week_is_what_its_files_say(tmp_path: Path) -> None:
    found = read_simbench(DATA)
    data = json.loads((DATA / GRID_NAME).read_text(encoding="utf-8"))
    assert found.scenario.n_steps == 672
    assert found.community.n_prosumers == len(data["loads"]) == 13
    # The hours of the day that the older extract has as well.
    hours = found.scenario.between("2016-05-28", "2016-05-29")
    for i, load in enumerate(data["loads"]):
        profile = np.array(data["profiles"]["summer"][f"{load['profile']}_pload"])
        np.testing.assert_allclose(hours.demand_kw[::4, i], load["active_kw"] * profile)
    plants = sum(
        plant["active_kw"] * np.array(data["profiles"]["summer"][plant["profile"]]) for plant in data["plants"]
    )
    np.testing.assert_allclose(hours.pv_kw[::4].sum(axis=1), plants)
    with pytest.raises(DataError, match="tests/data"):
        read_simbench(tmp_path)
    (tmp_path / GRID_NAME).write_text("{}", encoding="utf-8")
    (tmp_path / WEEK_NAME).write_text("time\n2016-05-23T00:00\n", encoding="utf-8")
    with pytest.raises(DataError, match="converters"):
        read_simbench(tmp_path)


# --- The command -----------------------------------------------------------------------------------------------------


def test_the_command_writes_tables_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "physics"
    words = ["benchmark", "physics", "--quick", "--policies", "self-consumption", "--out", str(out)]
    assert main(words) == 0
    assert main(words) == 0, "an earlier run is replaced"
    assert {path.name for path in out.iterdir()} == {
        "results.csv",
        "results.json",
        "results.md",
        "physics.svg",
        "physics.png",
    }
    document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert document["schema"] == "autonomy-benchmark-physics/1"
    assert document["settings"]["steps"] == 24
    assert set(document["settings"]["versions"]) == {"dss-python", "power-grid-model"}
    assert [row["steps"] for row in document["rows"]] == [24]
    assert "fontana, self-consumption" in capsys.readouterr().out


def test_the_command_says_what_differs_and_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(physics, *PLANTED["an efficiency wrong by a thousandth"][:2])
    words = ["benchmark", "physics", "--quick", "--policies", "random", "--out", str(tmp_path / "physics")]
    assert main(words) == 2
    assert "differs fontana, random: stored energy differs by" in capsys.readouterr().out

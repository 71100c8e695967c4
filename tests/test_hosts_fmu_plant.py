"""A plant that is an FMU, as a host: ours and one of other units; run where pythonfmu and fmpy are installed."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonomy import Community, Controller, Observation, Scenario, Simulator
from autonomy.errors import ConfigError, ModelError
from autonomy.hosts import check_host, play
from autonomy.hosts.fmu import build_fmu
from autonomy.hosts.fmu_host import FmuHost
from autonomy.hosts.fmu_plant import PLANT, TOLD_ONCE, build_plant
from autonomy.hosts.fmu_process import FmuError, FmuProcess
from autonomy.hosts.fmu_slave import ASKED_EACH, MEASURED_EACH
from autonomy.hosts.fmu_wiring import Wire
from autonomy.hosts.verdict import APPLIED, BALANCE, RESET, SIGNALS, STORED
from tests import native_fmu
from tests.native_fmu import build_native
from tests.planted_hosts import COMMUNITY, street_host
from tests.street_fmu import STREET, build_street, street_fmu_host

pytest.importorskip("fmpy")
pytest.importorskip("pythonfmu")
ROOT = Path(__file__).resolve().parent.parent
TOML, EXAMPLES = ROOT / "autonomy" / "data" / "fontana.toml", ROOT / "examples"
WEEK = next(Scenario.demo().held_out_weeks())


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_plant(TOML, WEEK, tmp_path_factory.mktemp("plant"))


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_street(tmp_path_factory.mktemp("street"))


@pytest.fixture
def hosted() -> Iterator[Callable[..., FmuHost]]:
    """Hosts that end with the test."""
    hosts = []

    def made(*words: Any, make: Callable[..., FmuHost] = FmuHost, **facts: Any) -> FmuHost:
        hosts.append(make(*words, **facts))
        return hosts[-1]

    yield made
    for host in hosts:
        host.close()


def test_the_plant_is_conformant(path: Path, hosted: Callable[..., FmuHost]) -> None:
    report = check_host(hosted(path, Community.demo(), PLANT, epoch=WEEK.time[0]))
    assert report.is_conformant, str(report)
    assert report.unjudged == ("kW taken for kWh: in steps of 1 h they are the same number",)
    assert all(item.amount < 1e-12 for item in report.largest)


def test_a_plant_with_lines_and_ramps_is_conformant(tmp_path: Path, hosted: Callable[..., FmuHost]) -> None:
    community = Community.from_toml(EXAMPLES / "community.toml")
    scenario = Scenario.from_file(EXAMPLES / "data.csv", community=community)
    made = build_plant(EXAMPLES / "community.toml", scenario, tmp_path)
    report = check_host(hosted(made, community, PLANT, epoch=scenario.time[0]))
    assert report.is_conformant, str(report)


def test_fmpy_finds_nothing_wrong_with_the_plant(path: Path) -> None:
    assert importlib.import_module("fmpy.validation").validate_fmu(str(path)) == []


def test_a_week_through_the_fmu_is_the_week_of_the_simulator_to_the_last_bit(
    path: Path, hosted: Callable[..., FmuHost]
) -> None:
    community = Community.demo()
    host, simulator = hosted(path, community, PLANT, epoch=WEEK.time[0]), Simulator(community, WEEK)
    here, there = (Controller(community, policy="time-of-use") for _ in range(2))
    for count, step in enumerate(play(host, there.step)):
        seen = replace(simulator.observe(), forecast=None)
        outcome = simulator.execute(here.step(seen))
        after = simulator.observe()
        for name in ("demand_kw", "pv_kw", "soc", "applied_battery_kw", "retail_price"):
            assert getattr(step.after, name).tobytes() == getattr(after, name).tobytes(), f"{name}, step {count}"
        assert step.after.feeder_kw == after.feeder_kw
        assert np.asarray(step.after.time == step.observation.time + np.timedelta64(1, "h"))
        assert not outcome.violations
    assert simulator.is_done
    assert host.is_done


def test_the_two_fmus_connect_name_by_name_and_keep_every_limit(path: Path, tmp_path: Path) -> None:
    controller, plant = FmuProcess(build_fmu(TOML, tmp_path)), FmuProcess(path)
    each = [f"[{i + 1}]" for i in range(17)]
    seen = [f"{name}{i}" for name in MEASURED_EACH for i in each]
    seen += [name for name in TOLD_ONCE if name != "carbon_kg_per_kwh"] + ["has_feedback"]
    asked = [f"{name}{i}" for name in ASKED_EACH for i in each]
    controller.begin({"policy": "time-of-use", "epoch": str(WEEK.time[0])}, [])
    read, modes, counted = plant.begin({}, seen), set(), -1
    for k in range(48):
        when = {"second": 3600.0 * k, "step_s": 3600.0}
        *decided, mode = controller.step(dict(zip(seen, read, strict=True)), [*asked, "mode"], **when)
        *read, counted = plant.step(dict(zip(asked, decided, strict=True)), [*seen, "violations"], **when)
        modes.add(mode)
    controller.close()
    plant.close()
    assert counted == 0
    assert "projected" in modes


@pytest.mark.parametrize(
    "change",
    [
        {"generation_cap_kw": None, "load_cap_kw": None},
        {"generation_cap_kw": None, "load_cap_kw": None, "curtail_kw": None, "shed_kw": None},
        {"trade_kw": None, "price_bid": None, "applied_battery_kw": "applied_battery_kw[{i}]"},
    ],
    ids=["caps by cutting", "nothing can be cut", "no market"],
)
def test_what_is_not_wired_is_said_and_the_rest_is_conformant(
    path: Path, change: dict[str, Any], hosted: Callable[..., FmuHost]
) -> None:
    report = check_host(hosted(path, Community.demo(), replace(PLANT, **change), epoch=WEEK.time[0]), steps=24)
    assert report.is_conformant, str(report)


def test_a_plant_of_other_units_is_conformant_and_the_same_as_without_fmu(
    street: Path, hosted: Callable[..., FmuHost]
) -> None:
    host = hosted(street, make=street_fmu_host, epoch=np.datetime64("2026-06-01"))
    report = check_host(host)
    assert report.is_conformant, str(report)
    assert not report.unjudged
    there, here = (Controller(COMMUNITY, policy="self-consumption").step for _ in range(2))
    steps = zip(play(host, there, seed=3), play(street_host(), here, seed=3), strict=True)
    for step, own in steps:
        for name in ("demand_kw", "pv_kw", "soc", "applied_battery_kw", "feeder_kw"):
            found, expected = getattr(step.after, name), getattr(own.after, name)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9, err_msg=name)
        assert step.after.time == own.after.time


def wired(**changes: Any) -> dict[str, Any]:
    return {"wiring": replace(STREET, **changes)}


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "wrong sign": (wired(battery_kw=Wire("battery[{i}]", 1000.0)), APPLIED, "sign reversed"),
    "kW where W are meant": (wired(battery_kw=Wire("battery[{i}]", -1.0)), APPLIED, "kW taken for W"),
    "W where kW are meant": (wired(applied_battery_kw=Wire("power[{i}]", -1.0)), APPLIED, "W where kW are meant"),
    "kWh for kW": (wired(battery_kw=Wire("battery[{i}]", -250.0)), APPLIED, "kWh of a step where kW are meant"),
    "wrong sign, twice": (
        wired(battery_kw=Wire("battery[{i}]", 1000.0), applied_battery_kw=Wire("power[{i}]", 1000.0)),
        STORED,
        "sign reversed",
    ),
    "W of load": (wired(demand_kw="load[{i}]"), BALANCE, "differ"),
    "per cent": (wired(soc="charge[{i}]"), SIGNALS, "per cent"),
    "a meter that is + for imports": (wired(feeder_kw=Wire("meter", 1000.0)), BALANCE, "sign reversed"),
    "load left in kW": (wired(load_left_kw="load_limit[{i}]"), BALANCE, "differ"),
    "one step late": ({"fault": "late"}, APPLIED, "one step before"),
    "stale SoC": ({"fault": "stale"}, STORED, "one step before"),
    "state that survives a reset": ({"fault": "leaky"}, RESET, "soc"),
    "a plant that stops": ({"fault": "refuse"}, SIGNALS, "FmuError: "),
    "a plant that crashes": ({"fault": "crash"}, SIGNALS, "step: the FMU's process ended with the code -6"),
    "a plant that raises": ({"fault": "stillborn"}, SIGNALS, "FmuError: "),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_planted_fault_is_found_and_named(fault: str, street: Path, hosted: Callable[..., FmuHost]) -> None:
    facts, check, words = FAULTS[fault]
    report = check_host(hosted(street, make=street_fmu_host, **facts))
    found = [finding.text for finding in report.findings if finding.check == check]
    assert any(words in text for text in found), f"{fault}:\n{report}"
    assert not report.is_conformant


def test_an_fmu_that_keeps_its_state_over_a_reset_is_instantiated_anew(
    street: Path, hosted: Callable[..., FmuHost]
) -> None:
    host = hosted(street, make=street_fmu_host, fault="leaky", reset_anew=True)
    report = check_host(host)
    assert report.is_conformant, str(report)


def test_the_same_seed_is_the_same_start_and_another_is_another(street: Path, hosted: Callable[..., FmuHost]) -> None:
    host, other = (hosted(street, make=street_fmu_host) for _ in range(2))
    starts = [host.to_observation(host.reset(seed=seed)) for seed in (7, 8, 7)]
    starts.append(other.to_observation(other.reset(seed=7)))
    load = [seen.demand_kw.tobytes() for seen in starts]
    assert load[0] == load[2] == load[3]
    assert load[0] != load[1]
    assert starts[0].applied_battery_kw is None
    assert starts[0].feeder_kw is None


def test_parameters_are_set_and_those_that_there_are_not_refused(path: Path, hosted: Callable[..., FmuHost]) -> None:
    community = Community.demo()
    host = hosted(path, community, PLANT, parameters={"initial_soc": 0.25, "saturates": False})
    np.testing.assert_array_equal(host.to_observation(host.reset()).soc, np.clip(0.25, community.soc_min, 1.0))
    with pytest.raises(ModelError, match=r"parameters = 'inital_soc'.*initial_soc"):
        FmuHost(path, community, PLANT, parameters={"inital_soc": 0.25})
    with pytest.raises(ModelError, match=r"parameters = 'soc\[1\]'.*this one is output, Real"):
        FmuHost(path, community, PLANT, parameters={"soc[1]": 0.25})


def test_a_host_that_was_not_reset_or_is_over_or_closed_says_so(path: Path, hosted: Callable[..., FmuHost]) -> None:
    host = hosted(path, Community.demo(), PLANT, steps=1)
    with pytest.raises(ModelError, match=r"step = 0: expected a step below 1 after reset"):
        host.step({})
    host.reset()
    host.step({})
    assert host.is_done
    with pytest.raises(ModelError, match="step = 1"):
        host.step({})
    host.close()
    with pytest.raises(FmuError, match="before begin, or after close"):
        host._process.step({}, [], second=0.0, step_s=1.0)


def test_a_community_of_another_size_is_refused(path: Path) -> None:
    with pytest.raises(ModelError, match=r"wiring\.demand_kw = 'demand_kw\[4\]': expected none beyond .* 3 prosumers"):
        FmuHost(path, COMMUNITY, PLANT)


def test_a_plant_of_a_wrong_community_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[community]\n", encoding="utf-8")
    with pytest.raises(ConfigError):
        build_plant(broken, WEEK, tmp_path)
    with pytest.raises(ModelError, match=r"scenario\.names"):
        build_plant(EXAMPLES / "community.toml", WEEK, tmp_path)


def test_nothing_is_left_behind(street: Path) -> None:
    host = street_fmu_host(street)
    seen = host.to_observation(host.reset(seed=1))
    assert isinstance(seen, Observation)
    process, folder = host._process._process, Path(host._process._folder)
    assert process is not None
    assert folder.is_dir()
    host.close()
    assert process.returncode == 0
    assert not folder.exists()


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    return build_native(compiler, tmp_path_factory.mktemp("native"))


@pytest.mark.parametrize("stubborn", [False, True], ids=["resets", "refuses fmi2Reset"])
def test_a_plant_in_c_is_conformant(native: Path, stubborn: bool, hosted: Callable[..., FmuHost]) -> None:
    host = hosted(native, native_fmu.COMMUNITY, native_fmu.WIRING, parameters={"stubborn": stubborn})
    report = check_host(host, steps=96, seed=2)
    assert report.is_conformant, str(report)
    assert not report.unjudged
    wrong = hosted(native, native_fmu.COMMUNITY, replace(native_fmu.WIRING, soc="{name}.energy"))
    assert any("kWh?" in finding.text for finding in check_host(wrong).findings)


def test_an_fmu_gets_the_package_of_its_master_and_not_what_lies_about(
    native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosted: Callable[..., FmuHost]
) -> None:
    (tmp_path / "autonomy").mkdir()
    (tmp_path / "autonomy" / "__init__.py").write_text("raise ImportError('the wrong one')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    host = hosted(native, native_fmu.COMMUNITY, native_fmu.WIRING)
    assert host.to_observation(host.reset()).soc.tolist() == [0.4, 0.6]

"""The controller as an FMU: valid, and the same to the last bit; run where pythonfmu and fmpy are installed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonomy import Community, Controller, Observation, Scenario, Simulator
from autonomy.errors import ConfigError
from autonomy.hosts.fmu import DECIDED_EACH, FmuController, SlaveState, build_fmu
from autonomy.layers.decision import Mode

fmpy = pytest.importorskip("fmpy")
pytest.importorskip("pythonfmu")
TOML = Path(__file__).resolve().parent.parent / "autonomy" / "data" / "fontana.toml"
START = 4000


def observed(simulator: Simulator) -> Observation:
    """What goes through the FMU's inputs: no forecast, no carbon intensity."""
    return replace(simulator.observe(), forecast=None, carbon_kg_per_kwh=None)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fmu(TOML, tmp_path_factory.mktemp("fmu"))


@pytest.fixture(scope="module")
def fmu(path: Path) -> Iterator[FmuController]:
    first = Simulator(Community.demo(), Scenario.demo().window(START, 2)).observe()
    found = FmuController(path, Community.demo(), policy="time-of-use", epoch=first.time.astype("datetime64[s]"))
    yield found
    found.close()


def test_the_fmu_decides_the_same_to_the_last_bit(fmu: FmuController) -> None:
    community = Community.demo()
    simulator, here = (
        Simulator(community, Scenario.demo().window(START, 168)),
        Controller(community, policy="time-of-use"),
    )
    modes = set()
    while not simulator.is_done:
        seen = observed(simulator)
        decision, there = here.step(seen), fmu.step(seen)
        for name in DECIDED_EACH:
            assert getattr(there, name).tobytes() == getattr(decision, name).tobytes(), name
        assert there.mode is decision.mode
        modes.add(there.mode)
        simulator.execute(there)
    assert {Mode.POLICY, Mode.PROJECTED} <= modes


def test_fmpy_finds_nothing_wrong_with_it(path: Path) -> None:
    assert importlib.import_module("fmpy.validation").validate_fmu(str(path)) == []
    description = fmpy.read_model_description(str(path))
    assert description.fmiVersion == "2.0"
    assert description.coSimulation.canBeInstantiatedOnlyOncePerProcess
    assert {"demand_kw[17]", "battery_kw[17]", "policy", "mode_number"} <= {v.name for v in description.modelVariables}


def test_an_input_that_is_no_number_gets_caps(fmu: FmuController) -> None:
    seen = observed(Simulator(Community.demo(), Scenario.demo().window(START, 2)))
    nothing = np.full(17, np.nan)
    decision = fmu.step(replace(seen, demand_kw=nothing, pv_kw=nothing, soc=nothing))
    assert decision.mode is Mode.DEAD_STOP
    assert np.isfinite(decision.load_cap_kw).all()


def test_a_step_of_another_length_is_refused() -> None:
    state = SlaveState(Community.demo())
    assert not state.step(0.0, 3600.0), "nothing was started"
    state.start()
    assert not state.step(0.0, 900.0)
    assert state.step(0.0, 3600.0)


def test_what_is_no_fmu_and_what_is_no_community_are_errors(tmp_path: Path) -> None:
    broken: Any = tmp_path / "broken.toml"
    broken.write_text("[community]\n", encoding="utf-8")
    with pytest.raises(ConfigError):
        build_fmu(broken, tmp_path)

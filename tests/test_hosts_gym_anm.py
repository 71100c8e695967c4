"""gym-anm behind SafetyWrapper; run where gym-anm is installed, see docs/hosts.md."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("gym_anm")


@pytest.fixture
def env() -> Any:
    made = gymnasium.make("gym_anm:ANM6Easy-v0")
    made.action_space.seed(3)
    return made


def test_the_community_is_that_of_the_network(env: Any) -> None:
    from autonomy.hosts.gym_anm import community_of  # noqa: PLC0415 - needs gymnasium

    community = community_of(env)
    # 32 MVA less 11 Mvar, and 0.03 of 33² kV² over 100 MVA.
    assert community.network.import_limit_kw[0] == pytest.approx(1e3 * np.sqrt(32**2 - 11**2))
    assert community.network.resistance_ohm[1] == pytest.approx(0.3267)
    assert community.battery_capacity_kwh.tolist() == [0, 0, 1e5]
    assert community.discharge_limit_kw.tolist() == [0, 0, 5e4]
    assert community.charge_efficiency[2] == 0.9


def test_what_is_decided_is_what_the_storage_does(env: Any) -> None:
    from autonomy.hosts.gym_anm import shielded  # noqa: PLC0415 - needs gymnasium

    safe = shielded(env)
    safe.reset(seed=2)
    for _ in range(6):
        energy = 1e3 * env.unwrapped.state[14]
        *_, info = safe.step(env.action_space.sample())
        battery, state = info["safety"]["battery_kw"][2], env.unwrapped.state
        # gym-anm solves a quadratic program for the storage's power, to about 1e-5 per unit.
        assert -1e3 * state[6] == pytest.approx(battery, abs=10)
        stored = energy + 0.25 * (0.9 * battery if battery > 0 else battery / 0.9)
        assert 1e3 * state[14] == pytest.approx(stored, abs=10)
        if env.unwrapped.penalty > 0:
            assert "a limit is exceeded" in str(info["safety"]["reasons"])

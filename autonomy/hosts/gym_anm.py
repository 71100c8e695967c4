"""gym-anm's six-bus network behind `SafetyWrapper` [HenryErnst2021]. Run with gym-anm 2.0.1 and Gymnasium 1.4.0.

Three loads of up to 5, 20 and 25 MW, a plant beside each of the first two, and a storage of 100 MWh beside the third,
each pair at the end of a line of 18 MVA. gym-anm counts in MW; a load's power is < 0, and so is that of a storage that
charges, whose state of charge is in MWh. An action says what plants may feed in, what the storage gives, and reactive
powers. No load can be cut: where the storage is empty, a limit may not be held, and the decision says so.

Behind the wrapper the storage gets the nearest safe power to what was asked, plants are cut by no more than is needed
whatever was asked, and reactive powers are 0. Ratings are MVA, the model's limits are kW: √(S² − q²), with q Mvar that
loads and lines draw at most.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.environments.safety import SafetyWrapper
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.errors import ModelError
from autonomy.layers.network import Network
from autonomy.layers.observation import Limits, Observation

REACTIVE_MVAR = np.array([11.0, 8.5, 2.0, 5.0, 6.0])
"""Mvar of each line: a fifth of its loads' power and what its reactance takes at its rating, rounded up."""
RETAIL_PRICE, FEED_IN_PRICE = 0.30, 0.08
"""Currency/kWh; the environment has no prices, and no policy here looks at them."""
ENERGY = 14
"""Place of the stored MWh in the state."""


def community_of(env: Any) -> Community:
    """Return the community of an environment on this network: house and PV, factory and wind, charging and storage."""
    grid = env.unwrapped.simulator
    lines = [(branch.rate, branch.r) for branch in grid.branches.values()]
    if list(grid.branches) != [(0, 1), (1, 2), (1, 3), (2, 4), (2, 5)]:
        raise ModelError("env", list(grid.branches), "the lines of gym-anm's network of six buses")
    rating, resistance_pu = grid.baseMVA * np.array(lines).T[0], np.array(lines).T[1]
    limit = 1e3 * np.sqrt(rating**2 - REACTIVE_MVAR**2)
    kilovolt = 33.0
    network = Network(
        parent=np.array([-1, 0, 0, 1, 1]),
        bus_of_prosumer=np.array([2, 3, 4]),
        import_limit_kw=limit,
        export_limit_kw=limit,
        resistance_ohm=resistance_pu * kilovolt**2 / grid.baseMVA,
        nominal_voltage_v=1e3 * kilovolt,
    )
    storage, there = grid.devices[6], np.array([0.0, 0.0, 1.0])
    kilo = 1e3 * grid.baseMVA * there
    return Community(
        battery_capacity_kwh=kilo * storage.soc_max,
        charge_limit_kw=-kilo * storage.p_min,
        discharge_limit_kw=kilo * storage.p_max,
        charge_efficiency=storage.eff,
        discharge_efficiency=storage.eff,
        network=network,
        timestep_h=env.unwrapped.delta_t,
        names=("house", "factory", "charging"),
    )


def shielded(env: Any) -> SafetyWrapper:
    """Return an environment on this network behind the wrapper."""
    community = community_of(env)

    def ahead() -> Any:
        """Return kW of loads (< 0) and of what plants could feed in, in the step to be decided."""
        return 1e3 * env.unwrapped.next_vars(env.unwrapped.state)

    def to_observation(_env: Any, _seen: Any, _info: Any) -> Observation:
        power = ahead()
        return Observation(
            demand_kw=-power[:3],
            pv_kw=np.array([power[3], power[4], 0.0]),
            soc=np.array([0.0, 0.0, 1e3 * env.unwrapped.state[ENERGY] / community.battery_capacity_kwh[2]]),
            retail_price=RETAIL_PRICE,  # type: ignore[arg-type]
            feed_in_price=FEED_IN_PRICE,  # type: ignore[arg-type]
            limits=Limits(can_shed=np.asarray(False)),
        )

    def to_battery_kw(action: Any) -> Any:
        return np.array([0.0, 0.0, -1e3 * action[4]])

    def to_action(decision: Decision, _action: Any) -> Any:
        plants = (ahead()[3:5] - decision.curtail_kw[:2]) / 1e3
        asked = np.array([*plants, 0.0, 0.0, -decision.battery_kw[2] / 1e3, 0.0])
        return np.clip(asked, env.action_space.low, env.action_space.high)

    return SafetyWrapper(
        env,
        community=community,
        to_observation=to_observation,
        to_battery_kw=to_battery_kw,
        to_action=to_action,
    )

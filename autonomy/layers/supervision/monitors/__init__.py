"""Deterministic monitors: each doubts only what no healthy host can do; its docstring says why. One file a monitor.

What a healthy host keeps is stated in `Accuracy`; every tolerance follows from it.
"""

from __future__ import annotations

from collections.abc import Callable

from autonomy.layers.community import Community
from autonomy.layers.supervision.monitors.accuracy import Accuracy
from autonomy.layers.supervision.monitors.actuator import Actuator
from autonomy.layers.supervision.monitors.balance import StorageBalance
from autonomy.layers.supervision.monitors.clear_sky import ClearSky, SunTable
from autonomy.layers.supervision.monitors.clock import Clock
from autonomy.layers.supervision.monitors.feeder import FeederBalance
from autonomy.layers.supervision.monitors.peak import Peak
from autonomy.layers.supervision.monitors.ramp import MeterRamp
from autonomy.layers.supervision.monitors.stuck import Stuck
from autonomy.layers.supervision.watch import Watch

__all__ = [
    "Accuracy",
    "Actuator",
    "ClearSky",
    "Clock",
    "FeederBalance",
    "MeterRamp",
    "Peak",
    "StorageBalance",
    "Stuck",
    "SunTable",
    "default_monitors",
]


def default_monitors(
    community: Community, accuracy: Accuracy | None = None, *, carry: Callable[..., bool] | None = None
) -> tuple[Watch, ...]:
    """Return the monitors that need nothing but the community: clock, batteries twice, feeder, stuck meters.

    `Peak`, `MeterRamp` and `ClearSky` need to be told what is installed, or where. `carry` is the machine code that
    `StorageBalance` takes.
    """
    stated = accuracy or Accuracy()
    return (
        Clock(community.timestep_h, stated),
        Actuator(community, stated),
        StorageBalance(community, stated, carry),
        FeederBalance(community, stated),
        Stuck(community),
    )

"""A host that states how exact its meters are, for tests of the monitors."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy import Community, Decision, Mode, Network
from autonomy.layers.supervision import Screen, Sight, read, since
from autonomy.layers.supervision.monitors import Accuracy

PAIR = Community(
    battery_capacity_kwh=10.0,
    charge_limit_kw=5.0,
    discharge_limit_kw=5.0,
    charge_efficiency=0.9,
    discharge_efficiency=0.8,
    network=Network.single_feeder(n_prosumers=2, import_limit_kw=20.0, export_limit_kw=20.0),
    timestep_h=0.5,
)
EXACT = Accuracy.exact()
START = np.datetime64("2024-05-01T00:00", "s")


class Bench:
    """Shows a monitor one step after the other, with whatever decision and reading a test makes up."""

    def __init__(self, monitor: Any, community: Community = PAIR) -> None:
        self.monitor, self.community = monitor, community
        self.screen = Screen(community)
        self.step, self.past = 0, (None, None, None, None)

    def show(self, asked: Any = 0.0, *, decided: Decision | None = None, **given: Any) -> list[Any]:
        """Return (cause, loss, prosumers) of every doubt at a step that reads `given`; then `asked` is decided."""
        size = self.community.n_prosumers
        full = {
            "demand_kw": [1.0] * size, "pv_kw": [0.0] * size, "soc": [0.5] * size,
            "retail_price": 0.3, "feed_in_price": 0.1, **given,
        }  # fmt: skip
        situation = self.screen(full, np.zeros(size))
        reading = read(full, size)
        last, before, done, acted = self.past
        passed = since(before, reading, done)
        sight = Sight(self.community, self.step, full, situation, last, done, reading, before, acted, *passed)
        doubts = self.monitor.look(sight)
        self.texts = [doubt.text for doubt in doubts]
        assert all(self.texts)
        self.past = (full, reading, decided or decision_of(situation, asked), situation)
        self.step += 1
        return [(doubt.cause.value, doubt.loss.value, doubt.prosumers) for doubt in doubts]


def decision_of(situation: Any, asked: Any) -> Decision:
    battery = np.broadcast_to(np.asarray(asked, dtype=float), situation.pv_kw.shape).copy()
    zero = np.zeros(battery.size)
    return Decision(
        battery_kw=battery, trade_kw=zero, price_bid=zero, curtail_kw=zero, shed_kw=zero,
        net_export_kw=situation.pv_kw - situation.demand_kw - battery, generation_cap_kw=zero + np.inf,
        load_cap_kw=zero + np.inf, mode=Mode.POLICY,
    )  # fmt: skip

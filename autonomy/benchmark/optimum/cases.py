"""Sixty small windows, each with something that a statement of the optimal dispatch can get wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autonomy.assets import Assets, Derating, Ev, Outage
from autonomy.benchmark.optimum.window import Window
from autonomy.economics import Economics
from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.scenario import Scenario
from autonomy.series import Series

CASES = 60
STEPS = 12
START = np.datetime64("2024-05-31T14:00", "m")
"""Ten hours before a month ends."""
HOUR = np.timedelta64(1, "h")


@dataclass(kw_only=True, slots=True)
class Sketch:
    """A window in the making: a kind changes what it is about."""

    random: np.random.Generator
    size: int
    battery: dict[str, Any]
    network: Network
    retail: Any
    feed_in: Any
    demand: Any
    pv: Any
    economics: dict[str, Any] = field(default_factory=dict)
    assets: Assets = field(default_factory=Assets)
    curtail_price: float = 0.0
    timestep_h: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """N names."""
        return tuple(f"home-{i + 1}" for i in range(self.size))


def case(number: int, seed: int = 0) -> Window:
    """Return case `number`, 0..59; the kinds take turns, and each time they are drawn anew."""
    name = list(KINDS)[number % len(KINDS)]
    sketch = _usual(np.random.default_rng([seed, number]))
    KINDS[name](sketch)
    if (number // len(KINDS)) % 2 and name in HALF_HOURLY:
        sketch.timestep_h = 0.5
    return _drawn(f"{number:02d} {name}", sketch)


def _usual(random: np.random.Generator) -> Sketch:
    """Return homes behind one feeder whose limits seldom bind, on an afternoon and a night."""
    size = int(random.integers(2, 5))
    shape = STEPS, size
    hour = (14 + np.arange(STEPS)) % 24
    sun = np.maximum(np.cos((hour - 13) / 12 * np.pi), 0.0)[:, None]
    power = random.uniform(1.5, 4.0, size) * (random.random(size) < 0.85)
    retail = random.uniform(0.15, 0.5, STEPS)
    return Sketch(
        random=random,
        size=size,
        battery={
            "battery_capacity_kwh": random.uniform(3.0, 9.0, size) * (power > 0),
            "charge_limit_kw": power,
            "discharge_limit_kw": 0.8 * power,
            "charge_efficiency": random.uniform(0.8, 0.98, size),
            "discharge_efficiency": random.uniform(0.8, 0.98, size),
            "soc_min": 0.1,
            "soc_max": 0.95,
        },
        network=Network.single_feeder(n_prosumers=size, import_limit_kw=5.0 * size, export_limit_kw=5.0 * size),
        retail=retail,
        feed_in=0.3 * retail,
        demand=random.uniform(0.2, 3.0, shape),
        pv=random.uniform(2.0, 7.0, size) * random.uniform(0.7, 1.0, shape) * sun,
    )


def _plain(_: Sketch) -> None:
    """Everything as usual."""


def _negative(sketch: Sketch) -> None:
    """Prices below 0 in half of the steps: importing pays, and so does burning."""
    sketch.retail = sketch.random.uniform(-0.4, 0.3, STEPS)
    sketch.feed_in = sketch.retail - sketch.random.uniform(0.0, 0.2, STEPS)


def _negative_free(sketch: Sketch) -> None:
    """Prices below 0 and no wear."""
    _negative(sketch)
    sketch.economics |= {"wear_per_kwh": 0.0, "carbon_price_per_kg": 0.0}


def _no_wear(sketch: Sketch) -> None:
    """Nothing but efficiency keeps a battery from running for nothing; equal prices make many optima."""
    sketch.economics |= {"wear_per_kwh": 0.0}
    sketch.retail, sketch.feed_in = np.full(STEPS, 0.3), np.full(STEPS, 0.3)


def _feeder(sketch: Sketch) -> None:
    """A feeder too small for the sun at noon and for the evening's demand: curtailing and shedding."""
    size = sketch.size
    limits = sketch.random.uniform(0.3, 1.0, 2) * size
    sketch.network = Network.single_feeder(n_prosumers=size, import_limit_kw=limits[0], export_limit_kw=limits[1])


def _nodes(sketch: Sketch) -> None:
    """Connections too small for a home's own sun and demand."""
    sketch.battery["connection_limit_kw"] = sketch.random.uniform(0.8, 2.0, sketch.size)


def _tree(sketch: Sketch) -> None:
    """A tree of lossy lines that bind at different depths."""
    random, lines = sketch.random, 4
    sketch.network = Network(
        parent=np.array([-1, *(random.integers(0, k) for k in range(1, lines))]),
        bus_of_prosumer=random.integers(0, lines, sketch.size),
        import_limit_kw=random.uniform(1.5, 6.0, lines),
        export_limit_kw=random.uniform(1.0, 5.0, lines),
        resistance_ohm=random.uniform(0.0, 0.3, lines),
    )


def _ramps(sketch: Sketch) -> None:
    """Batteries that cannot change quickly."""
    sketch.battery["ramp_limit_kw"] = sketch.random.uniform(0.4, 1.2, sketch.size)


def _cars(sketch: Sketch) -> None:
    """Two cars that leave in the evening, are back in the night, and leave again; one may feed the community."""
    for name, least in (("battery_capacity_kwh", 8.0), ("charge_limit_kw", 3.0), ("discharge_limit_kw", 3.0)):
        sketch.battery[name] = np.array([*np.full(2, least), *sketch.battery[name][2:]])
    first, second = sketch.names[:2]
    sketch.assets = Assets(
        evs=(
            Ev(prosumer=first, departure_h=18, arrival_h=22, required_kwh=7.0, drive_kwh=5.0),
            Ev(prosumer=second, departure_h=17, arrival_h=20, required_kwh=5.0, drive_kwh=9.0, v2g=True),
        )
    )


def _outage(sketch: Sketch) -> None:
    """Three hours without the grid and two with less of it."""
    sketch.assets = Assets(
        outages=(
            Outage(from_=START + 4 * HOUR, to=START + 7 * HOUR),
            Outage(from_=START + 9 * HOUR, to=START + 11 * HOUR, import_limit_kw=1.0, export_limit_kw=0.5),
        )
    )


def _derated(sketch: Sketch) -> None:
    """Hours of half the power and of a narrower band, that finds a battery fuller than it allows."""
    sketch.assets = Assets(
        deratings=(
            Derating(hours=(15, 18), charge_share=0.5, discharge_share=0.2),
            Derating(hours=(19, 23), soc_max=0.4),
        )
    )


def _leaking(sketch: Sketch) -> None:
    """Self-discharge, so that a battery falls below its band by itself."""
    sketch.battery["self_discharge_per_h"] = sketch.random.uniform(0.01, 0.1, sketch.size)


def _peaks(sketch: Sketch) -> None:
    """A capacity tariff over the end of a month."""
    sketch.economics |= {"capacity_price_per_kw": float(sketch.random.uniform(0.2, 3.0))}


def _fee(sketch: Sketch) -> None:
    """A fee on trades, now and then above what a trade is worth."""
    sketch.economics |= {"trade_fee_per_kwh": 0.1}
    sketch.feed_in = sketch.retail - sketch.random.uniform(0.0, 0.2, STEPS)


def _cycles(sketch: Sketch) -> None:
    """Wear by depth of discharge."""
    sketch.economics |= {"cycle_price_per_kwh": float(sketch.random.uniform(20.0, 200.0))}


def _dear_curtailing(sketch: Sketch) -> None:
    """A feeder that is too small and a price on curtailing at which a battery would rather burn."""
    _feeder(sketch)
    sketch.curtail_price = 2.0


def _cheap_curtailing(sketch: Sketch) -> None:
    """The same with a price that is too small for that."""
    _feeder(sketch)
    sketch.curtail_price = 0.01


KINDS: dict[str, Callable[[Sketch], None]] = {
    "plain": _plain,
    "negative prices": _negative,
    "negative prices, no wear": _negative_free,
    "no wear": _no_wear,
    "feeder binds": _feeder,
    "nodes bind": _nodes,
    "tree": _tree,
    "ramps": _ramps,
    "cars": _cars,
    "outage": _outage,
    "derating": _derated,
    "self-discharge": _leaking,
    "capacity tariff": _peaks,
    "trade fee": _fee,
    "cycle wear": _cycles,
    "dear curtailing": _dear_curtailing,
    "cheap curtailing": _cheap_curtailing,
}
"""What a window is about, and what it changes."""
HALF_HOURLY = frozenset({"plain", "negative prices", "tree", "ramps", "self-discharge", "trade fee", "cycle wear"})
"""Kinds that have no clock of their own: every second window of theirs has steps of half an hour."""


def _drawn(name: str, sketch: Sketch) -> Window:
    community = Community(**sketch.battery, network=sketch.network, timestep_h=sketch.timestep_h, names=sketch.names)
    community = sketch.assets.equip(community)
    series = Series(
        time=START + np.timedelta64(round(60 * sketch.timestep_h), "m") * np.arange(STEPS),
        demand_kw=sketch.demand,
        pv_kw=sketch.pv,
        retail_price=sketch.retail,
        feed_in_price=np.minimum(sketch.feed_in, sketch.retail),
        carbon_kg_per_kwh=sketch.random.uniform(0.1, 0.5, STEPS),
        names=community.names,
        timestep_h=sketch.timestep_h,
        source="drawn",
    )
    return Window(
        name=name,
        community=community,
        scenario=Scenario.whole(series),
        economics=Economics(**sketch.economics),
        energy_kwh=sketch.random.uniform(community.energy_min_kwh, community.energy_max_kwh),
        timeline=sketch.assets.timeline(community, series),
        curtail_price_per_kwh=sketch.curtail_price,
    )

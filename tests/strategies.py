"""Shared Hypothesis strategies: communities, networks, observations, intents; also the degenerate ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from autonomy import Community, Network, Observation, Scenario
from autonomy.series import Series

LIMITS_KW = st.one_of(st.sampled_from([0.0, 1.0, 2.5, 10.0, float("inf")]), st.floats(0.0, 30.0))
POWERS_KW = st.one_of(st.sampled_from([0.0, 1.0, 3.0]), st.floats(0.0, 9.0))
ANY_FLOAT = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, -0.0, 5e-324, 1e308, -1e308, float("nan"), float("inf"), -float("inf")]),
)


@st.composite
def networks(draw: st.DrawFn, *, max_prosumers: int = 8, max_lines: int = 5, lossless: bool = True) -> Network:
    """Single feeders and random trees, with limits of 0 and none among them."""
    size = draw(st.integers(1, max_prosumers))
    lines = draw(st.integers(1, max_lines))
    parent = [-1, *(draw(st.integers(0, k - 1)) for k in range(1, lines))]
    limits = LIMITS_KW if lossless else st.floats(20.0, 60.0)
    resistance = 0.0 if lossless else draw(st.floats(0.0, 0.05))
    return Network(
        parent=np.array(parent),
        bus_of_prosumer=np.array([draw(st.integers(0, lines - 1)) for _ in range(size)]),
        import_limit_kw=np.array([draw(limits) for _ in range(lines)]),
        export_limit_kw=np.array([draw(limits) for _ in range(lines)]),
        resistance_ohm=np.full(lines, resistance),
    )


@st.composite
def communities(
    draw: st.DrawFn, *, max_prosumers: int = 8, lossless: bool = True, with_ramp: bool = False
) -> Community:
    """Communities with batteries, with consumers, with equal and with degenerate prosumers."""
    network = draw(networks(max_prosumers=max_prosumers, lossless=lossless))
    size = network.n_prosumers

    def column(values: st.SearchStrategy[float]) -> Any:
        if draw(st.booleans()):
            return draw(values)
        return np.array([draw(values) for _ in range(size)])

    soc_min = draw(st.sampled_from([0.0, 0.1, 0.3]))
    return Community(
        battery_capacity_kwh=column(st.sampled_from([0.0, 1.0, 6.4, 13.5])),
        charge_limit_kw=column(st.sampled_from([0.0, 1.0, 5.0])),
        discharge_limit_kw=column(st.sampled_from([0.0, 2.0, 5.0])),
        charge_efficiency=column(st.floats(0.5, 1.0)),
        discharge_efficiency=column(st.floats(0.5, 1.0)),
        soc_min=soc_min,
        soc_max=draw(st.sampled_from([soc_min, 0.9, 1.0])),
        ramp_limit_kw=column(st.floats(0.1, 3.0)) if with_ramp else np.inf,
        connection_limit_kw=column(st.sampled_from([1.0, 4.0, 15.0, float("inf")])),
        network=network,
        timestep_h=draw(st.sampled_from([0.25, 1.0])),
    )


@st.composite
def observations(draw: st.DrawFn, community: Community, *, soc: st.SearchStrategy[float] | None = None) -> Observation:
    """Good observations, including states of charge at, and a little outside, their limits."""
    size = community.n_prosumers
    levels = (
        soc if soc is not None else st.one_of(st.sampled_from([0.0, 0.05, 0.1, 0.5, 0.95, 1.0]), st.floats(0.0, 1.0))
    )

    def column(values: st.SearchStrategy[float]) -> Any:
        return np.array([draw(values) for _ in range(size)])

    return Observation(
        demand_kw=column(POWERS_KW),
        pv_kw=column(st.one_of(st.just(0.0), POWERS_KW)),
        soc=column(levels),
        retail_price=draw(st.sampled_from([0.22, 0.3, 0.54])),
        feed_in_price=draw(st.sampled_from([0.0, 0.06, 0.22])),
    )


@st.composite
def intents(draw: st.DrawFn, size: int, values: st.SearchStrategy[float] | None = None) -> Any:
    """Arrays (N, 3) of battery kW, trade kW, price bid; finite unless told otherwise."""
    numbers = (
        values if values is not None else st.one_of(st.sampled_from([0.0, 5.0, -5.0, 1e308]), st.floats(-8.0, 8.0))
    )
    return np.array([[draw(numbers) for _ in range(3)] for _ in range(size)])


@st.composite
def cases(draw: st.DrawFn, **kwargs: Any) -> tuple[Community, Observation, Any]:
    """A community, an observation of it, and an intent."""
    community = draw(communities(**kwargs))
    return community, draw(observations(community)), draw(intents(community.n_prosumers))


@st.composite
def scenarios(draw: st.DrawFn, community: Community, *, min_steps: int = 12, max_steps: int = 24) -> Scenario:
    """Random days of a community: demand and PV that come and go, a tariff that changes, now and then all zeros."""
    steps, size = draw(st.integers(min_steps, max_steps)), community.n_prosumers
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (steps, size)
    feed_in = draw(st.sampled_from([0.0, 0.06, 0.2]))
    step = np.timedelta64(round(community.timestep_h * 60), "m")
    series = Series(
        time=np.datetime64("2024-05-01T00:00", "m") + step * np.arange(steps),
        demand_kw=random.uniform(0.0, draw(st.sampled_from([0.0, 2.0, 6.0])), shape),
        pv_kw=random.uniform(0.0, draw(st.sampled_from([0.0, 3.0, 8.0])), shape) * random.integers(0, 2, shape),
        retail_price=feed_in + random.choice([0.0, 0.1, 0.3], steps),
        feed_in_price=feed_in,
        carbon_kg_per_kwh=random.uniform(0.0, 0.6, steps),
        names=community.names,
        timestep_h=community.timestep_h,
    )
    return Scenario.whole(series)

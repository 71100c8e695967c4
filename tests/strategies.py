"""Shared Hypothesis strategies: communities, networks, observations, intents; also the degenerate ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from autonomy import Community, Network, Observation, Scenario
from autonomy.layers.observation import GRID_LIMIT_FIELDS
from autonomy.market import Book
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


WILD_POWERS_KW = st.one_of(
    st.sampled_from([0.0, 5e-324, 4.9e-7, 1.5e-6, 0.3, 39.141451, 92.816623, 1e9, 1e308]), st.floats(0.0, 1e308)
)
"""kW that a community may state, among them those whose milliwatts are no floats, denormals and nonsense."""


@st.composite
def wild_communities(draw: st.DrawFn, *, max_prosumers: int = 6) -> Community:
    """Communities that a description may state: trees up to 6 lines deep, sizes from nothing to 1e308."""
    size, lines = draw(st.integers(1, max_prosumers)), draw(st.integers(1, 6))

    def column(values: st.SearchStrategy[float], length: int = size) -> Any:
        return np.array([draw(values) for _ in range(length)])

    limit = st.one_of(st.sampled_from([0.0, 1e-7, 1.0, 2.5, 10.0, 1e12, float("inf")]), st.floats(0.0, 30.0))
    some = st.one_of(st.sampled_from([1e-7, 0.1, 1.0, 12.0, 1e12, float("inf")]), st.floats(0.1, 12.0))
    fraction = st.one_of(st.sampled_from([5e-324, 1e-6, 0.5, 0.95, 1.0]), st.floats(0.5, 1.0))
    soc_min = column(st.sampled_from([0.0, 5e-324, 0.1, 0.3]))
    timestep_h = draw(st.sampled_from([5e-324, 1e-9, 1 / 60, 0.25, 1.0, 8760.0, 1e300]))
    leak = st.sampled_from([0.0, 5e-324, 1e-5, 0.4])
    return Community(
        battery_capacity_kwh=column(
            st.one_of(st.sampled_from([0.0, 5e-324, 1e-9, 6.4, 13.5, 1e9, 1e308]), st.floats(0.0, 20.0))
        ),
        charge_limit_kw=column(st.one_of(WILD_POWERS_KW, st.floats(0.0, 9.0))),
        discharge_limit_kw=column(st.one_of(WILD_POWERS_KW, st.floats(0.0, 9.0))),
        charge_efficiency=column(fraction),
        discharge_efficiency=column(fraction),
        soc_min=soc_min,
        soc_max=np.maximum(soc_min, column(st.sampled_from([0.0, 0.1, 0.9, 0.95, 1.0]))),
        ramp_limit_kw=column(some) if draw(st.booleans()) else np.inf,
        connection_limit_kw=column(some),
        network=Network(
            parent=[-1, *(draw(st.integers(0, k - 1)) for k in range(1, lines))],
            bus_of_prosumer=[draw(st.integers(0, lines - 1)) for _ in range(size)],
            import_limit_kw=column(limit, lines),
            export_limit_kw=column(limit, lines),
        ),
        self_discharge_per_h=column(leak) if timestep_h <= 1.0 and draw(st.booleans()) else 0.0,
        timestep_h=timestep_h,
    )


FINE_KW = st.one_of(
    POWERS_KW, st.integers(0, 2 * 10**7).map(lambda halves: halves / 2e6), st.sampled_from([4.9e-7, 5e-7, 1e4])
)
"""kW, many of them half a milliwatt beside a whole one, where rounding costs most."""
ODD_VALUE = st.one_of(
    ANY_FLOAT,
    st.sampled_from([None, "three", "3", b"", (), [[1.0]], {}, {"a": 1}, True, 10**400, 1j, np.ones((2, 1)), object()]),
    st.lists(st.one_of(ANY_FLOAT, st.none(), st.text(max_size=2)), max_size=4),
)
"""What no meter sends."""


@st.composite
def mappings(draw: st.DrawFn, community: Community, *, with_limits: bool = True) -> dict[str, Any]:
    """Observations as mappings: mostly good, some with single values that are no number, some with fields of junk."""
    size, band = community.n_prosumers, (float(community.soc_min[0]), float(community.soc_max[0]))
    level = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, *band, 1.0, 0.5]))
    inside = st.floats(*band)

    def field(values: st.SearchStrategy[float]) -> Any:
        kind = draw(st.integers(0, 9))
        if kind == 0:
            return draw(ODD_VALUE)
        each = st.one_of(values, ANY_FLOAT) if kind == 1 else values
        return np.array([draw(each) for _ in range(size)])

    sent: dict[str, Any] = {
        "demand_kw": field(FINE_KW),
        "pv_kw": field(FINE_KW),
        "soc": field(draw(st.sampled_from([level, inside]))),
        "retail_price": field(st.sampled_from([0.22, 0.3, 0.54])),
        "feed_in_price": field(st.sampled_from([0.0, 0.06, 0.22])),
        "applied_battery_kw": draw(st.one_of(st.none(), ODD_VALUE)) if draw(st.booleans()) else field(st.floats(-9, 9)),
    }
    if draw(st.integers(0, 9)) == 0:
        sent.pop(draw(st.sampled_from(sorted(sent))))
    if with_limits and draw(st.integers(0, 2)) == 0:
        rated = st.one_of(WILD_POWERS_KW, st.floats(0.0, 9.0), ANY_FLOAT)
        share = st.one_of(st.floats(0.0, 1.0), ANY_FLOAT)
        names = {
            **dict.fromkeys(("charge_limit_kw", "discharge_limit_kw", "connection_limit_kw"), rated),
            **dict.fromkeys(("soc_min", "soc_max", "charge_efficiency", "discharge_efficiency"), share),
            **dict.fromkeys(("active", "can_curtail", "can_shed"), st.sampled_from([0.0, 1.0])),
            "charge_floor_kw": st.one_of(st.floats(-9.0, 9.0), st.just(-np.inf), ANY_FLOAT),
        }
        chosen = draw(st.lists(st.sampled_from(sorted(names)), max_size=4, unique=True))
        sent["limits"] = {name: field(names[name]) for name in chosen}
        grid = st.one_of(st.sampled_from([0.0, 1.0, 4.5, np.inf]), ANY_FLOAT, ODD_VALUE)
        for name in draw(st.lists(st.sampled_from(GRID_LIMIT_FIELDS), max_size=2, unique=True)):
            sent["limits"][name] = draw(grid)
    return sent


@st.composite
def order_books(draw: st.DrawFn, *, max_orders: int = 12, largest: int = 60) -> Book:
    """Order books in whole units: ties in limit, priority and size, zeros and one-sided ones among them."""
    size = draw(st.integers(0, max_orders))
    limits = draw(st.sampled_from([st.integers(0, 3), st.integers(-40, 400), st.integers(60_000, 400_000)]))
    sign = draw(st.sampled_from([st.just(1), st.just(-1), *[st.sampled_from([-1, 1])] * 6]))
    amounts = draw(st.sampled_from([st.integers(0, 2), st.integers(0, largest)]))

    def column(values: st.SearchStrategy[int]) -> Any:
        return np.array([draw(values) for _ in range(size)], dtype=np.int64)

    return Book(
        quantity=column(amounts) * column(sign),
        limit=column(limits),
        priority=column(draw(st.sampled_from([st.just(0), st.integers(0, 2), st.integers(-50, 50)]))),
        lot=draw(st.sampled_from([1, 7, 1000])),
    )

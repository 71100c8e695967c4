"""Lemmas held against the code: exact numbers, and worlds to draw them from.

Every lemma is held against the functions it is about: what goes into a function and what comes out of it are put in for
the lemma's symbols, and the lemma's own premises and claim are evaluated exactly, from its file.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from autonomy import Community, Network
from autonomy.layers import physics
from autonomy.layers.situation import SetPoints
from autonomy.layers.supervision import Screen, recovery
from autonomy.layers.supervision.check import check
from autonomy.layers.supervision.milliwatt import PER_KW, SCALE, Plan, bounds_of, net_export_of, quantise, to_kw
from autonomy.proofs import lemmas

LEMMAS = lemmas()
NAMES = [lemma.name for lemma in LEMMAS]


def assert_tied(name: str, **values: Any) -> None:
    """The premises of a lemma hold for these values, and its claim does."""
    script = LEMMAS[NAMES.index(name)].script
    exact = {symbol: Fraction(value) for symbol, value in values.items()}
    assert set(exact) == set(script.symbols)
    for symbol, sort in script.symbols.items():
        assert sort != "Int" or exact[symbol].denominator == 1, symbol
    for premise in script.premises:
        assert script.value(premise, exact), f"{name}: the code does not meet {premise} with {exact}"
    assert script.value(script.claim, exact), f"{name}: {exact}"


class Exact(Fraction):
    """A fraction that stays one when it meets a float: the physics can be run without any rounding."""


def _exactly(name: str) -> None:
    def operation(one: Any, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return Exact(getattr(Fraction, name)(Fraction(one), Fraction(other)))

    setattr(Exact, name, operation)


for _name in ("__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__"):
    _exactly(_name)
Exact.__neg__ = lambda self: Exact(-Fraction(self))  # type: ignore[method-assign,assignment]


def row(*values: Any) -> Any:
    return np.array([Exact(value) for value in values], dtype=object)


FEW = settings(max_examples=settings.default.max_examples // 4)
"""Every example of these tests is many instances of a lemma."""
SHARES = st.fractions(0, 1, max_denominator=7)
# kW whose product with a million is exact in floats, so that rounding can be looked at alone.
FINE_KW = st.integers(0, 9 * 2**20).map(lambda k: k / 2**20)
COARSE_KW = st.one_of(
    st.sampled_from([0.0, 1.0, 2.5, 10.0, float("inf")]), st.integers(0, 30 * 2**10).map(lambda k: k / 2**10)
)


def after(battery: Any, b: Any, *, energy: Any = None, ec: Any = None, ed: Any = None) -> Any:
    """Return the energy that the code's physics gives at the end of a step, in exact fractions."""
    return physics.next_energy_kwh(
        row(battery.e if energy is None else energy),
        row(b),
        charge_efficiency=row(battery.ec if ec is None else ec),
        discharge_efficiency=row(battery.ed if ed is None else ed),
        timestep_h=Exact(battery.dt),  # type: ignore[arg-type]
    )[0]


@st.composite
def worlds(draw: st.DrawFn) -> Any:
    """Bounds of a small community on a tree, with measurements that are no whole milliwatts."""
    size, lines = draw(st.integers(1, 5)), draw(st.integers(1, 4))

    def column(values: st.SearchStrategy[float], count: int = size) -> Any:
        return np.array([draw(values) for _ in range(count)])

    network = Network(
        parent=np.array([-1, *(draw(st.integers(0, k - 1)) for k in range(1, lines))]),
        bus_of_prosumer=np.array([draw(st.integers(0, lines - 1)) for _ in range(size)]),
        import_limit_kw=column(COARSE_KW, lines),
        export_limit_kw=column(COARSE_KW, lines),
    )
    community = Community(
        battery_capacity_kwh=column(st.sampled_from([0.0, 6.4])),
        charge_limit_kw=5.0,
        discharge_limit_kw=3.0,
        connection_limit_kw=column(st.sampled_from([1.0, 4.0, 15.0, float("inf")])),
        network=network,
    )
    observation = {
        "demand_kw": column(st.one_of(st.just(0.0), FINE_KW)),
        "pv_kw": column(st.one_of(st.just(0.0), FINE_KW)),
        "soc": column(st.sampled_from([0.0, 0.3, 1.0])),
        "retail_price": np.full(size, 0.3),
        "feed_in_price": np.full(size, 0.1),
    }
    return bounds_of(Screen(community)(observation, np.zeros(size)))


def below(network: Network, line: int) -> list[int]:
    return [i for i in range(network.n_prosumers) if line in network.lines_above[i]]


def points_of(draw: Any, size: int) -> SetPoints:
    def column(values: st.SearchStrategy[float]) -> Any:
        return np.array([draw(values) for _ in range(size)])

    return SetPoints(
        battery_kw=column(st.floats(-9.0, 9.0)),
        curtail_kw=column(st.one_of(st.just(0.0), st.floats(0.0, 9.0))),
        shed_kw=column(st.one_of(st.just(0.0), st.floats(0.0, 9.0))),
    )


def safe_plan(draw: Any, bounds: Any) -> Plan:
    """Return a plan that passes CHECK: a random one, restrained, or the grid-only one."""
    plan = recovery.restrain(bounds, quantise(bounds, points_of(draw, bounds.size)), move_batteries=True)
    return recovery.grid_only(bounds) if check(bounds, plan) else plan


class Executed(NamedTuple):
    """What a prosumer does as executed, mW: net export, what is left of generation, and of load."""

    n: Fraction
    generation: Fraction
    load: Fraction


def executed(bounds: Any, plan: Plan) -> list[Executed]:
    """Return what every prosumer does as executed, exactly, with `rounding-of-measurements` held against each."""
    points, found = to_kw(bounds, plan), []
    situation = bounds.situation
    for i, whole in enumerate(net_export_of(bounds, plan).tolist()):
        g, d = (Fraction(float(values[i])) * PER_KW for values in (situation.pv_kw, situation.demand_kw))
        cuts = []
        for cut_kw, kw, cut, part in (
            (points.curtail_kw[i], situation.pv_kw[i], plan.curtail[i], g),
            (points.shed_kw[i], situation.demand_kw[i], plan.shed[i], d),
        ):
            assert cut_kw == kw or cut_kw == cut / SCALE
            cuts.append(part if cut_kw == kw and cut > 0 else Fraction(int(cut)))
        b, gi, di = int(plan.battery[i]), int(bounds.pv[i]), int(bounds.demand[i])
        n = (g - cuts[0]) - (d - cuts[1]) - b
        cut = {"c": int(plan.curtail[i]), "s": int(plan.shed[i]), "cut": cuts[0], "shed": cuts[1]}
        both = {"g": g, "d": d, "gi": gi, "di": di, "difference": gi - di}
        assert_tied("rounding-of-measurements", **both, **cut, b=b, ni=whole, n=n)
        found.append(Executed(n=n, generation=g - cuts[0], load=d - cuts[1]))
    return found


def limit_mw(limit_kw: float) -> Fraction:
    return Fraction(min(float(limit_kw), 1e9)) * PER_KW

"""Worst cases: the closed form is the LP's, the search is exact, the witness replays, and forged certificates fall."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Mode
from autonomy.layers.errors import ModelError
from autonomy.layers.supervision import Screen
from autonomy.layers.supervision.milliwatt import bounds_of
from autonomy.layers.supervision.recovery import grid_only
from autonomy.safety.certificates import check_certificate
from autonomy.solvers.linear_solution import solve
from autonomy.worstcase import (
    Domain,
    Point,
    Quantity,
    Rung,
    WorstCase,
    canonical,
    domain_of,
    least_cut,
    least_cut_value,
    side_of,
    worst_case,
)
from autonomy.worstcase.adversary import adversary
from autonomy.worstcase.amounts import text
from autonomy.worstcase.linear_cut import linear_cut
from autonomy.worstcase.places import behind_feeder, on_tree
from autonomy.worstcase.polytope import polytope_of
from autonomy.worstcase.replay import MODES, replay
from autonomy.worstcase.tree import tree_bound
from tests.strategies import communities

REFUSALS = (ValueError, KeyError, TypeError, IndexError)
"""What the checker raises on a forged certificate; verify.py answers each of them with "not verified"."""
SIDES = [(quantity, rung) for quantity in Quantity for rung in Rung]
WATTS = st.integers(0, 9000).map(lambda watts: watts / 1000)


def check(document: Any) -> str:
    """Return the verdict of the shipped checker on what a file of the certificate would hold."""
    return str(check_certificate(json.loads(canonical(document)))["verdict"])


@st.composite
def points(draw: st.DrawFn, size: int, rung: Rung) -> Point:
    wanted, eased = (tuple(Fraction(str(draw(WATTS))) for _ in range(size)) for _ in range(2))
    return Point(wanted=wanted, eased=(Fraction(0),) * size if rung is Rung.DEAD_STOP else eased)


@given(communities(), st.sampled_from(SIDES), st.floats(0, 1), st.data())
@settings(max_examples=120, deadline=None)
def test_the_closed_form_is_the_optimum_of_the_linear_program_and_is_proved(
    community: Community, side: tuple[Quantity, Rung], fill: float, data: st.DataObject
) -> None:
    energy = community.energy_min_kwh + fill * (community.energy_max_kwh - community.energy_min_kwh)
    held = side_of(community, *side, energy)
    point = data.draw(points(community.n_prosumers, side[1]))
    found = least_cut(held, point)
    assert float(found.value) == pytest.approx(solve(linear_cut(held, point)).objective, abs=1e-7)
    assert check(found.certificate()) == "PROVED-EXACT"
    assert found.value == least_cut_value(held, point)


@given(communities(), st.data())
@settings(max_examples=60, deadline=None)
def test_on_grid_only_it_is_what_the_trusted_core_cuts_to_the_milliwatt(
    community: Community, data: st.DataObject
) -> None:
    size = community.n_prosumers
    demand, pv = (tuple(Fraction(str(data.draw(WATTS))) for _ in range(size)) for _ in range(2))
    sent = {"demand_kw": [float(x) for x in demand], "pv_kw": [float(x) for x in pv], "soc": 0.5}
    prices = {"retail_price": 0.3, "feed_in_price": 0.1}
    plan = grid_only(bounds_of(Screen(community)({**sent, **prices}, np.zeros(size))))
    for quantity, cut, (wanted, eased) in (
        (Quantity.SHED, plan.shed, (demand, pv)),
        (Quantity.CURTAILMENT, plan.curtail, (pv, demand)),
    ):
        value = least_cut_value(side_of(community, quantity, Rung.GRID_ONLY), Point(wanted=wanted, eased=eased))
        assert value * 10**6 == int(cut.sum())


def domain_at(homes: int, make: Callable[[int], Any]) -> Domain:
    community, series = make(homes)
    return domain_of(community, series, soc_lower=0.3, soc_upper=0.8)


@pytest.fixture(scope="module")
def found() -> dict[tuple[str, Quantity, Rung], WorstCase]:
    """All worst cases of 20 homes behind one feeder and on a tree."""
    return {
        (name, quantity, rung): worst_case(domain, quantity, rung, highs_limit_s=0.3)
        for name, domain in (("feeder", domain_at(20, behind_feeder)), ("tree", domain_at(20, on_tree)))
        for quantity, rung in SIDES
    }


@pytest.mark.parametrize("side", SIDES, ids=str)
@pytest.mark.parametrize("name", ["feeder", "tree"])
def test_worst_cases_of_20_homes_are_proved_exactly_and_replay(
    found: dict[tuple[str, Quantity, Rung], WorstCase], name: str, side: tuple[Quantity, Rung]
) -> None:
    worst = found[name, *side]
    assert check(worst.certificate()) == "PROVED-EXACT"
    assert worst.program is not None
    assert worst.found is not None
    assert tree_bound(worst.program, worst.found.tree) == worst.found.bound
    assert worst.value == least_cut_value(worst.side, worst.least_cut.point)
    assert not worst.claimed > float(worst.bound) + 1e-6
    played = replay(worst)
    assert played.mode is MODES[side[1]]
    assert played.violations == 0
    if side == (Quantity.CURTAILMENT, Rung.SUPPORT):
        # What is claimed there is a bound: batteries are charged a little more, the more is curtailed.
        assert -60_000 < played.difference_mw < 20
    elif side[1] is Rung.SUPPORT:
        assert -0.01 < played.difference_mw < 20  # cuts are rounded up, a milliwatt for whoever sheds
    else:
        assert played.difference_mw == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("side", SIDES, ids=str)
def test_over_a_box_the_corner_is_worst(side: tuple[Quantity, Rung]) -> None:
    domain = domain_at(20, on_tree)
    worst = worst_case(domain, *side, box=True)
    assert check(worst.certificate()) == "PROVED-EXACT"
    box, random = worst.polytope, np.random.default_rng(1)
    for _ in range(20):
        share = [[Fraction(int(x), 100) for x in random.integers(0, 101, 20)] for _ in range(2)]
        point = Point(
            wanted=tuple(a + x * (b - a) for x, a, b in zip(share[0], box.wanted_low, box.wanted_high, strict=True)),
            eased=tuple(a + x * (b - a) for x, a, b in zip(share[1], box.eased_low, box.eased_high, strict=True)),
        )
        assert least_cut_value(worst.side, point) <= worst.bound
    played = replay(worst)
    assert played.difference_mw <= 20


@st.composite
def domains(draw: st.DrawFn) -> Domain:
    """Small domains whose sums and sun bind, or not; base loads only as far as the ranges allow."""
    community = draw(communities(max_prosumers=4))
    size, lines = community.n_prosumers, community.network.n_lines
    upper, share = ([draw(st.integers(0, 8)) for _ in range(size)] for _ in range(2))
    return Domain(
        community=community,
        demand_lower_kw=np.array([min(a, b) / 8 for a, b in zip(upper, share, strict=True)]),
        demand_upper_kw=np.array(upper, dtype=float),
        pv_peak_kw=np.array([draw(st.integers(0, 8)) for _ in range(size)], dtype=float),
        pv_spread=draw(st.sampled_from([0.0, 0.25, 1.0, 1.5])),
        sun_lower=draw(st.sampled_from([0.0, 0.25])),
        sun_upper=draw(st.sampled_from([0.5, 0.75, 1.0])),
        coincidence=np.array([draw(st.sampled_from([0.5, 0.75, 1.0])) for _ in range(lines)]),
        base=np.array([draw(st.sampled_from([0.0, 0.25])) for _ in range(lines)]),
    )


def by_all_labels(worst: WorstCase) -> float:
    """Return the worst case from one linear program for every way to label: what the search is an abbreviation of."""
    assert worst.program is not None
    program = worst.program.in_floats()
    labels = np.flatnonzero([c.integer and c.upper == 1 and c.name != "owns" for c in worst.program.columns])
    best = 0.0
    for values in product((0.0, 1.0), repeat=labels.size):
        lower, upper = program.lower.copy(), program.upper.copy()
        lower[labels] = upper[labels] = values
        answer = solve(replace(program, lower=lower, upper=upper, integer=np.zeros_like(program.integer)))
        if answer.found:
            best = max(best, -answer.objective)
    return best


@given(domains(), st.sampled_from(SIDES), st.data())
@settings(max_examples=30, deadline=None)
def test_small_worst_cases_are_the_best_of_all_labellings_and_no_point_is_worse(
    domain: Domain, side: tuple[Quantity, Rung], data: st.DataObject
) -> None:
    try:
        worst = worst_case(domain, *side, highs_limit_s=0.3)
    except ModelError:
        return  # sums that no demand can keep
    assert worst.is_exact
    assert check(worst.certificate()) == "PROVED-EXACT"
    if worst.program is not None and sum(column.integer for column in worst.program.columns) <= 7:
        assert float(worst.value) == pytest.approx(by_all_labels(worst), abs=1e-6)


def test_a_search_that_is_cut_short_says_bounded_and_is_still_right() -> None:
    full = worst_case(domain_at(20, on_tree), Quantity.SHED, Rung.GRID_ONLY, highs_limit_s=0.3)
    short = worst_case(domain_at(20, on_tree), Quantity.SHED, Rung.GRID_ONLY, highs_limit_s=0.3, most_nodes=1)
    assert check(short.certificate()) == "BOUNDED"
    assert not short.is_exact
    assert short.bound > full.bound


def test_a_domain_without_a_point_is_an_error() -> None:
    community, _ = behind_feeder(4)
    empty = Domain(
        community=community, demand_lower_kw=3.0, demand_upper_kw=4.0, pv_peak_kw=1.0, coincidence=0.5, sun_upper=1.0
    )
    with pytest.raises(ModelError, match="domain"):
        worst_case(empty, Quantity.SHED, Rung.GRID_ONLY)


def test_the_domain_of_a_series_holds_it_but_for_low_sun() -> None:
    community, series = on_tree(20)
    domain = domain_of(community, series)
    inside = domain.holds(series.demand_kw, series.pv_kw)
    assert inside.mean() > 0.9
    assert not domain.holds(2 * series.demand_kw, series.pv_kw).all()
    night = series.pv_kw.sum(axis=1) == 0
    assert inside[night].all()


def test_the_program_of_a_side_is_stated_in_numbers_that_read_back() -> None:
    domain = domain_at(20, on_tree)
    side = side_of(domain.community, Quantity.SHED, Rung.SUPPORT)
    program = adversary(side, polytope_of(domain, Quantity.SHED, Rung.SUPPORT, box=False))
    for column in program.columns:
        assert Fraction(text(column.cost)) == column.cost
    assert [text(Fraction(x)) for x in ("0.5", "1/3", "-2", "-0.000001", "0")] == ["0.5", "1/3", "-2", "-0.000001", "0"]


# Planted faults -------------------------------------------------------------------------------------------------------

Forge = Callable[[Any], object]


def first_leaf(code: Any) -> Any:
    return next(node for node in code["tree"] if node.get("multipliers"))


def flip_sign(code: Any) -> None:
    pair = first_leaf(code)["multipliers"][0]
    pair[1] = text(-Fraction(pair[1]))


def drop_leaf(code: Any) -> None:
    branch = next(node for node in code["tree"] if "column" in node)
    branch["above"] = branch["at_most"]


def one_digit(code: Any) -> None:
    wanted = code["witness"]["wanted_kw"]
    wanted[3] = text(Fraction(wanted[3]) - Fraction(1, 1000))


def lower_bound(code: Any) -> None:
    code["bound_kw"] = text(Fraction(code["bound_kw"]) - Fraction(1, 10**6))


def prettier(code: Any) -> None:
    for name in ("value_kw", "bound_kw"):
        code[name] = text(Fraction(code[name]) / 2)


def raise_limit(code: Any) -> None:
    code["side"]["near_kw"][1] = text(Fraction(code["side"]["near_kw"][1]) + 1)


def narrow_domain(code: Any) -> None:
    code["domain"]["sums"][0]["upper"] = text(Fraction(code["domain"]["sums"][0]["upper"]) / 2)


def cheaper_step(code: Any) -> None:
    column = next(c for c in code["program"]["columns"] if c["name"] == "line-up[1]")
    column["cost"] = text(Fraction(column["cost"]) * 2)


def no_binary(code: Any) -> None:
    branch = next(node for node in code["tree"] if "column" in node)
    branch["column"] = 0


def swap_children(code: Any) -> None:
    branch = next(node for node in code["tree"] if "column" in node)
    branch["at_most"], branch["above"] = branch["above"], branch["at_most"]


def flip_label(code: Any) -> None:
    labels = code["least_cut"]["labels"]["prosumer"]
    labels[0] = 1 - labels[0]


def less_cut(code: Any) -> None:
    cut = code["least_cut"]["plan"]["cut_kw"]
    place = next(i for i, x in enumerate(cut) if Fraction(x) > 0)
    cut[place] = "0"


FORGERIES: list[Forge] = [
    flip_sign,
    drop_leaf,
    one_digit,
    lower_bound,
    prettier,
    raise_limit,
    narrow_domain,
    cheaper_step,
    no_binary,
    swap_children,
    flip_label,
    less_cut,
    lambda code: code["tree"].append(copy.deepcopy(first_leaf(code))),
    lambda code: code["tree"].pop(),
    lambda code: code.update(gap_kw="0.5"),
    lambda code: code.update(allowed_gap_kw="1"),
    lambda code: code.update(method="corner"),
    lambda code: code.update(comment="trust me"),
    lambda code: code["network"]["parent"].__setitem__(0, 1),
    lambda code: code["side"]["help_kw"].__setitem__(0, "5"),
    lambda code: code["witness"]["energy_kwh"].__setitem__(0, "6.4"),
    lambda code: code["program"]["rows"].pop(),
    lambda code: code["domain"]["wanted_kw"][0].__setitem__(1, "1e9"),
]


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_worst_case_is_rejected(found: dict[tuple[str, Quantity, Rung], WorstCase], forge: Forge) -> None:
    code = json.loads(canonical(found["tree", Quantity.SHED, Rung.GRID_ONLY].certificate()))
    assert check(code) == "PROVED-EXACT"
    forge(code)
    with pytest.raises(REFUSALS):
        check(code)


def test_modes_of_the_rungs_are_those_of_decisions() -> None:
    assert set(MODES.values()) == {Mode.SUPPORT, Mode.GRID_ONLY, Mode.DEAD_STOP}

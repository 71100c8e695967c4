"""Worst cases over the operating domain, the least reserve before a peak, the price of shedding, and robust charge."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.metadata import version

import numpy as np

from autonomy.faults.bound import CONFIDENCE, upper_bound
from autonomy.safety.chapters.certified import TOOL, amounts_in
from autonomy.safety.claim import Claim, Figure, Values
from autonomy.safety.context import CHECKER, Context
from autonomy.safety.domain import OPERATING
from autonomy.safety.exhibit import Bars, Table
from autonomy.safety.verdict import Verdict
from autonomy.solvers.linear_solution import solve
from autonomy.worstcase import Domain, Point, Quantity, Rung, WorstCase, least_cut_value, worst_case
from autonomy.worstcase.linear_cut import linear_cut
from autonomy.worstcase.replay import Replay, replay

KEPT = (0.3, 0.8)
"""Fractions of the capacity between which batteries are taken to be on the rung that uses them."""
SEARCH_S, HIGHS_S = 20.0, 3.0
"""Seconds that a search may take before it says what it has bounded, and that HiGHS may look for a first point."""
POINTS = 50
"""Points of each side at which the closed form is held against a linear program."""
CLOSE_KW = 1e-6
SEED = 20240611
REPLAYED_MW = {False: (-0.01, 20.0), True: (-math.inf, 20.0)}
"""mW that a replay may cut beyond what the certificate says; where batteries do more than is counted on, far less."""
WITH = {
    Rung.SUPPORT: "with working batteries between {low:.0%} and {high:.0%} full",
    Rung.GRID_ONLY: "with all batteries at rest",
    Rung.DEAD_STOP: "without a single usable meter",
}


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Side:
    """One quantity on one rung, over sums and sun, and over the box around them.

    Attributes:
        name: What its claim and its files are called.
        worst: Over the whole domain.
        box: Over the smallest box around it, in closed form.
    """

    name: str
    worst: WorstCase
    box: WorstCase


def claims(context: Context) -> Iterator[Claim]:
    """Yield the worst cases, their replays, and the closed form."""
    sides = []
    for quantity in Quantity:
        for rung in Rung:
            context.progress(f"searching the worst {quantity} on {rung}")
            sides.append(_side(context.operating.domain, quantity, rung))
            yield _worst(context, sides[-1])
    yield _replays(context, sides)
    yield _closed_form(context, sides)


def _side(domain: Domain, quantity: Quantity, rung: Rung) -> Side:
    if rung is Rung.SUPPORT:
        community = domain.community
        low, high = (np.clip(share, community.soc_min, community.soc_max) for share in KEPT)
        domain = replace(domain, soc_lower=low, soc_upper=high)
    return Side(
        name=f"{quantity}-{rung}",
        worst=worst_case(domain, quantity, rung, time_limit_s=SEARCH_S, highs_limit_s=HIGHS_S),
        box=worst_case(domain, quantity, rung, box=True),
    )


def _worst(context: Context, side: Side) -> Claim:
    worst = side.worst
    what = "Load shed" if worst.side.is_shed else "Generation curtailed"
    state = WITH[worst.side.rung].format(low=KEPT[0], high=KEPT[1])
    about = {"journal": context.record(context.policy).journal, "domain": context.domains[OPERATING]}
    checks = [
        {**about, "kind": "certificate", "as": mark, "certificate": _kept(context, name, one)}
        for mark, name, one in (("", side.name, worst), ("box_", f"{side.name}-box", side.box))
    ]
    values = amounts_in(context.checker, checks)
    total = context.operating.domain.demand_upper_kw if worst.side.is_shed else context.operating.domain.pv_peak_kw
    return Claim(
        id=f"worst-case.{side.name}",
        title=f"{what} at worst, {state}",
        statement="max over the domain of the least total cut on the rung "
        f"{worst.side.rung} lies in [{{value_kw:.6f}}, {{bound_kw:.6f}}] kW; over the box around the domain, without "
        f"coincidence and common sun, it is {{box_bound_kw:.3f}} kW. Peaks of all together: {total.sum():.1f} kW.",
        sentence=f"{what} {state}: never more than {{bound_kw:.1f}} kW in total, anywhere in the operating domain"
        + ("." if context.is_static else ", while batteries and limits are as rated: not in an outage."),
        verdict=Verdict.PROVED_EXACT if worst.is_exact else Verdict.BOUNDED,
        method="mixed-integer program of an adversary; every leaf of its tree checked by an exact dual bound "
        "[Neumaier2004]; the witness attains it"
        if worst.program is not None
        else "closed form at the corner of the domain, which is worst because the least cut is monotone",
        tool=TOOL,
        checker=CHECKER,
        values=values,
        bound=Figure(of="bound_kw", label="never more than", unit="kW"),
        margin=Figure(of="gap_kw", label="gap to the witness", unit="kW"),
        witness=_witness(worst),
        certificate=str(checks[0]["certificate"]),
        assumptions=("assume.ratings", "assume.devices"),
        check=tuple(checks),
        exhibits=(_search_table(side),),
        **context.about(OPERATING),
    )


def _kept(context: Context, name: str, worst: WorstCase) -> str:
    return context.write(f"worst-case/{name}.json", worst.certificate())


def _witness(worst: WorstCase) -> Values:
    point, names = worst.least_cut.point, worst.domain.community.names
    wanted, eased = ("demand_kw", "pv_kw") if worst.side.is_shed else ("pv_kw", "demand_kw")
    return {
        wanted: {name: float(x) for name, x in zip(names, point.wanted, strict=True)},
        eased: {name: float(x) for name, x in zip(names, point.eased, strict=True)},
        "stored_kwh": dict(zip(names, worst.energy_kwh.tolist(), strict=True)),
        "cut_kw": float(worst.value),
    }


def _search_table(side: Side) -> Table:
    worst, program, found = side.worst, side.worst.program, side.worst.found
    rows: list[tuple[str, object]] = [("over the box, kW", float(side.box.value))]
    if program is not None and found is not None:
        rows += [
            ("over the domain, kW", float(worst.value)),
            ("proved bound, kW", float(worst.bound)),
            ("whole-number columns", sum(column.integer for column in program.columns)),
            ("leaves of the tree", found.leaves),
            ("linear programs solved", found.linear_programs),
            ("what HiGHS alone says, kW", worst.claimed if math.isfinite(worst.claimed) else "nothing"),
            ("time of the search, s", round(worst.seconds, 2)),
        ]
    return Table(title="The search", head=("what", "value"), rows=tuple(rows))


def _replays(context: Context, sides: list[Side]) -> Claim:
    context.progress("replaying the worst cases")
    played = {side.name: replay(side.worst) for side in sides}
    wrong = [side.name for side in sides if not _is_as_claimed(side.worst, played[side.name])]
    values = _counted(len(wrong), len(played))
    return Claim(
        id="worst-case.replay",
        title="Worst cases happen in the simulator as stated",
        statement="At {failures} of {trials} witnesses the controller, brought to the rung, cuts another amount than "
        "the certificate says (beyond rounding to milliwatts), or breaks a limit.",
        sentence="Played in the simulator, each of the {trials} worst cases cuts what its proof says, and breaks "
        "nothing."
        if not wrong
        else "Played in the simulator, {failures} of {trials} worst cases come out differently.",
        verdict=Verdict.REFUTED if wrong else Verdict.TESTED,
        method="the witness is sent to the controller, whose policy (then also projection, then meters) fails",
        tool="autonomy.worstcase.replay",
        checker="python -m autonomy.worstcase",
        values=values,
        bound=Figure(of="failures", label="that differ"),
        witness={"sides": wrong} if wrong else None,
        check=({"kind": "count", **values},),
        exhibits=(
            Bars(
                title="Cut at worst, proved",
                unit="kW",
                bars=tuple((side.name, float(side.worst.bound)) for side in sides),
            ),
            Table(
                title="Proved and played",
                head=("quantity, rung", "mode", "proved kW", "played kW", "difference W", "limits broken"),
                rows=tuple(
                    (
                        name,
                        str(x.mode),
                        x.claimed_kw,
                        x.measured_kw,
                        round(1e-3 * x.difference_mw, 3) + 0.0,
                        x.violations,
                    )
                    for name, x in played.items()
                ),
                note="For curtailment with batteries the proof counts on hardly any of their charging; the controller "
                "charges them a little more, and curtails less.",
            ),
        ),
        **context.about(OPERATING),
    )


def _is_as_claimed(worst: WorstCase, played: Replay) -> bool:
    has_help = worst.side.rung is Rung.SUPPORT and not worst.side.is_shed
    low, high = REPLAYED_MW[has_help]
    return played.violations == 0 and low <= played.difference_mw <= high


def _counted(failures: int, trials: int) -> dict[str, float]:
    upper = math.ceil(upper_bound(failures, trials) * 1e6) / 1e6
    return {"trials": trials, "failures": failures, "upper": upper, "confidence": CONFIDENCE}


def _closed_form(context: Context, sides: list[Side]) -> Claim:
    context.progress("closed form against linear programs")
    random, off = np.random.default_rng(SEED), []
    for side in sides:
        box = side.box.polytope
        for _ in range(POINTS):
            share = random.integers(0, 1001, (2, side.box.side.size)).tolist()
            point = Point(
                wanted=tuple(_between(*x) for x in zip(box.wanted_low, box.wanted_high, share[0], strict=True)),
                eased=tuple(_between(*x) for x in zip(box.eased_low, box.eased_high, share[1], strict=True)),
            )
            best = solve(linear_cut(side.box.side, point))
            off.append(abs(float(least_cut_value(side.box.side, point)) - best.objective) if best.found else math.inf)
    failures = sum(not x <= CLOSE_KW for x in off)
    values = {**_counted(failures, len(off)), "off_kw": max(off)}
    return Claim(
        id="worst-case.closed-form",
        title="The least cut has a closed form",
        statement="The recursion from the leaves to the feeder and the linear program differ by more than "
        f"{CLOSE_KW:g} kW at {{failures}} of {{trials}} points drawn from the domain; by {{off_kw:.1e}} kW at most.",
        sentence="The formula for the least load and generation to cut agrees with an optimiser in {trials:,} random "
        "situations; why it is exact is derived in docs/worst-case.md.",
        verdict=Verdict.REFUTED if failures else Verdict.TESTED,
        method="random points; at each witness of a worst case a plan and a labelling prove it exactly",
        tool=f"HiGHS {version('highspy')}",
        checker=CHECKER,
        values=values,
        bound=Figure(of="upper", label="that differ, at most"),
        witness={"off_kw": max(off)} if failures else None,
        check=({"kind": "count", **values},),
        **context.about(OPERATING),
    )


def _between(low: Fraction, high: Fraction, thousandths: int) -> Fraction:
    return low + (high - low) * Fraction(thousandths, 1000)

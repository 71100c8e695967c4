"""What batteries have to hold before a peak, when load is shed at all, and what wrong gauges can do to charge."""

from __future__ import annotations

from collections.abc import Iterator

from autonomy.layers.errors import ModelError
from autonomy.safety.chapters.certified import TOOL, amounts_in
from autonomy.safety.claim import Claim, Figure
from autonomy.safety.context import CHECKER, Context
from autonomy.safety.domain import ANY, OPERATING
from autonomy.safety.exhibit import Curves
from autonomy.safety.verdict import Verdict
from autonomy.worstcase.peak import Peak, envelope_of, peak_of
from autonomy.worstcase.penalty import penalty_of
from autonomy.worstcase.reserve import Reserve, least_reserve
from autonomy.worstcase.reserve_program import Objective
from autonomy.worstcase.soc import soc_of

PEAK_HOURS = 5
HOURS = 24
METER_ERROR, EFFICIENCY_ERROR = 0.02, 0.03
"""Of the capacity, and of the efficiencies: the errors that robust charge is stated for."""


def claims(context: Context) -> Iterator[Claim]:
    """Yield the reserves, the price of shedding, and what a step does to the charge."""
    context.progress("searching the least reserve")
    yield from _reserves(context)
    yield from _penalty(context)
    yield from _soc(context)


def _reserves(context: Context) -> Iterator[Claim]:
    """Yield the least reserve before the hardest hours of the day, as many of them as batteries can get through."""
    for hours in range(PEAK_HOURS, 0, -1):
        try:
            first, peak = _hardest(context, hours)
            found = {objective: least_reserve(peak, objective) for objective in (Objective.ENERGY, Objective.SHARE)}
        except ModelError:
            continue
        longer = "" if hours == PEAK_HOURS else f" For {hours + 1} h no reserve was found that is enough."
        for objective, reserve in found.items():
            yield _reserve(context, reserve, f"{hours} h from {first:02d}:00", longer, _window(peak, first), objective)
        return


def _reserve(
    context: Context, reserve: Reserve, clock: str, longer: str, window: Curves, objective: Objective
) -> Claim:
    is_energy = objective is Objective.ENERGY
    certificate = context.write(f"reserve-{objective}.json", reserve.certificate())
    check = {"kind": "certificate", "certificate": certificate, "journal": context.record(context.policy).journal}
    return Claim(
        id=f"reserve.{objective}",
        title="Reserve before the peak" + ("" if is_energy else ", alike in every battery"),
        statement=f"The least start from which no load need be shed in the {clock}, for every demand up to the "
        "envelope and every generation down to it, lies in [{bound:.6f}, {value:.6f}] "
        + ("kWh above the floors" if is_energy else "of each band")
        + "; a plan attains the latter.",
        sentence=(
            f"{{value:.1f}} kWh above the floors, in the right batteries, get through the hardest {clock} without "
            "shedding; with less, nothing does."
            if is_energy
            else f"Every battery filled to {{value:.1%}} of its usable band gets all through the hardest {clock} "
            "without shedding; with less in all, nothing does."
        )
        + longer,
        verdict=Verdict.PROVED_EXACT if reserve.is_exact else Verdict.BOUNDED,
        method="linear program over the window at the corner of its envelope; a plan in fractions attains it, its "
        "multipliers bound it",
        tool=TOOL,
        checker=CHECKER,
        values=amounts_in(context.checker, [check]),
        bound=Figure(of="value", label="enough", unit="kWh" if is_energy else "of the band"),
        margin=Figure(of="gap", label="gap"),
        certificate=certificate,
        assumptions=("assume.ratings", "assume.devices"),
        check=(check,),
        exhibits=(window,),
        **context.about(OPERATING),
    )


def _hardest(context: Context, length: int) -> tuple[int, Peak]:
    """Return the hours in which most has to be imported at worst, and their window."""
    seen = context.operating.seen
    envelopes = {hour: envelope_of(seen, first_hour=hour, hours=length) for hour in range(HOURS)}
    first = max(envelopes, key=lambda hour: float(envelopes[hour][0].sum() - envelopes[hour][1].sum()))
    return first, peak_of(context.configuration.community, *envelopes[first])


def _window(peak: Peak, first: int) -> Curves:
    demand, pv = ([float(sum(row)) for row in rows] for rows in (peak.demand, peak.pv))
    hours = [first + float(peak.timestep) * k for k in range(peak.steps + 1)]
    limit = peak.imports[peak.network.leaves_first[-1]]
    return Curves(
        title="The window",
        across="hour of the day",
        up="kW",
        curves=tuple(
            (name, tuple(zip(hours, [*values, values[-1]], strict=True)))
            for name, values in (("demand at most", demand), ("PV at least", pv))
        ),
        limits=() if limit is None else (("import limit", float(limit)),),
        is_stepped=True,
    )


def _penalty(context: Context) -> Iterator[Claim]:
    try:
        penalty = penalty_of(context.configuration.community)
    except ModelError:
        return
    certificate = context.write("penalty.json", penalty.certificate())
    check = {"kind": "certificate", "certificate": certificate, "journal": context.record(context.policy).journal}
    yield Claim(
        id="penalty.threshold",
        title="Load is shed last",
        statement="For ρs above max w·(P⁺ + P⁻) = {threshold:g} the projection sheds no load that batteries could have "
        "served, in any situation and network; below it, it does in the witness. Charged is {shed_price:g}.",
        sentence="As long as a battery can help, no load is shed to please the policy: shedding costs {shed_price:g} "
        "in the projection, and {threshold:g} would already be enough.",
        verdict=Verdict.PROVED_EXACT,
        method="exact-penalty threshold, derived in docs/worst-case.md; the optimum of a situation just below and just "
        "above it, checked by its optimality conditions",
        tool="verify.py, Python's fractions",
        checker=CHECKER,
        values=amounts_in(context.checker, [check]),
        bound=Figure(of="threshold", label="threshold"),
        witness={"below": penalty.below.document(), "above": penalty.above.document()},
        certificate=certificate,
        assumptions=("assume.ratings",),
        check=(check,),
        **context.about(ANY),
    )


def _soc(context: Context) -> Iterator[Claim]:
    community = context.configuration.community
    meter = METER_ERROR * community.battery_capacity_kwh
    try:
        soc = soc_of(community, meter_error_kwh=meter, efficiency_error=EFFICIENCY_ERROR)
    except ModelError:
        return
    certificate = context.write("soc.json", soc.certificate())
    check = {"kind": "certificate", "certificate": certificate, "journal": context.record(context.policy).journal}
    yield Claim(
        id="soc.robust",
        title="Charge that is measured wrongly",
        statement=f"With gauges off by up to {METER_ERROR:.0%} of the capacity and efficiencies by up to "
        f"{EFFICIENCY_ERROR:.0%}, one step ends at most {{excess_kwh:.4f}} kWh outside the band; with the band "
        "narrowed by the gauge's error, inside it.",
        sentence=f"With gauges off by {METER_ERROR:.0%} and efficiencies by {EFFICIENCY_ERROR:.0%}, no battery leaves "
        "its band by more than {excess_kwh:.2f} kWh in a step; told narrower bands, none leaves it.",
        verdict=Verdict.PROVED_EXACT,
        method="closed form of the worst state, derived in docs/worst-case.md",
        tool="verify.py, Python's fractions",
        checker=CHECKER,
        values=amounts_in(context.checker, [check]),
        bound=Figure(of="excess_kwh", label="outside the band, at most", unit="kWh"),
        certificate=certificate,
        assumptions=("assume.devices",),
        check=(check,),
        **context.about(OPERATING),
    )

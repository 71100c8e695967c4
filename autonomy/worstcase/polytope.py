"""A domain seen from one side, exactly: ranges of what is wanted and eased, sums below lines, and the common sun."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.worstcase.amounts import exact, exact_all, range_texts, text
from autonomy.worstcase.cut import Point
from autonomy.worstcase.domain import Domain
from autonomy.worstcase.side import Quantity, Rung

Amounts = tuple[Fraction, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sum:
    """Bounds on a sum below a line.

    Attributes:
        of_wanted: Whether what is wanted is summed, or what is eased.
        line: Which line.
        lower: kW; None for none.
        upper: kW; None for none.
    """

    of_wanted: bool
    line: int
    lower: Fraction | None
    upper: Fraction | None

    def document(self) -> dict[str, Any]:
        """Return the sum as a certificate states it."""
        lower, upper = (None if bound is None else text(bound) for bound in (self.lower, self.upper))
        return {"of": "wanted" if self.of_wanted else "eased", "below": self.line, "lower": lower, "upper": upper}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sun:
    """The common irradiance γ and what each roof makes of it.

    Attributes:
        of_wanted: Whether generation is what is wanted.
        lower: Least γ.
        upper: Most γ.
        low: (N,) kW per γ, the least that a roof generates.
        high: (N,) kW per γ, the most.
        mean: kW per γ that all roofs generate together.
    """

    of_wanted: bool
    lower: Fraction
    upper: Fraction
    low: Amounts
    high: Amounts
    mean: Fraction

    @property
    def worst(self) -> Fraction:
        """The γ at which most is to be cut: the most where generation is wanted, the least where it eases."""
        return self.upper if self.of_wanted else self.lower

    def document(self) -> dict[str, Any]:
        """Return the sun as a certificate states it."""
        return {
            "of": "wanted" if self.of_wanted else "eased",
            "range": [text(self.lower), text(self.upper)],
            "per_sun_kw": range_texts(self.low, self.high),
            "mean_per_sun_kw": text(self.mean),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Polytope:
    """All points in the ranges that keep the sums and are under one sun.

    Attributes:
        wanted_low: (N,) kW.
        wanted_high: (N,) kW.
        eased_low: (N,) kW.
        eased_high: (N,) kW.
        sums: Sums below lines.
        sun: The common sun; None for none.
    """

    wanted_low: Amounts
    wanted_high: Amounts
    eased_low: Amounts
    eased_high: Amounts
    sums: tuple[Sum, ...] = ()
    sun: Sun | None = None

    @property
    def is_box(self) -> bool:
        """Whether there are ranges only."""
        return not self.sums and self.sun is None

    @property
    def corner(self) -> Point:
        """The corner of the ranges at which most is wanted and least eased."""
        return Point(wanted=self.wanted_high, eased=self.eased_low)


def polytope_of(domain: Domain, quantity: Quantity, rung: Rung, *, box: bool) -> Polytope:
    """Return the domain as one side sees it.

    Args:
        domain: Ranges, sums and sun.
        quantity: Shedding wants demand, curtailment generation.
        rung: On the dead stop nothing eases the flow.
        box: Whether sums and sun are left out.
    """
    demand = exact_all(domain.demand_lower_kw.tolist()), exact_all(domain.demand_upper_kw.tolist())
    sun_range = exact(domain.sun_lower), exact(domain.sun_upper)
    low, high = _per_sun(domain.pv_peak_kw, domain.pv_spread)
    peak = exact_all(domain.pv_peak_kw.tolist())
    most = tuple(min(sun_range[1] * x, p) for x, p in zip(high, peak, strict=True))
    pv = tuple(sun_range[0] * x for x in low), most
    is_shed, is_stopped = quantity is Quantity.SHED, rung is Rung.DEAD_STOP
    wanted, eased = (demand, pv) if is_shed else (pv, demand)
    if is_stopped:
        eased = ((Fraction(0),) * len(demand[0]),) * 2
    # On the dead stop generation or demand is not in the program, unless it is what is wanted.
    has_sun, has_sums = (not is_shed or not is_stopped), (is_shed or not is_stopped)
    return Polytope(
        wanted_low=wanted[0],
        wanted_high=wanted[1],
        eased_low=eased[0],
        eased_high=eased[1],
        sums=() if box or not has_sums else _sums(domain, of_wanted=is_shed),
        sun=None
        if box or not has_sun
        else Sun(
            of_wanted=not is_shed,
            lower=sun_range[0],
            upper=sun_range[1],
            low=low,
            high=high,
            mean=sum(peak, Fraction(0)),
        ),
    )


def _per_sun(peak_kw: Vector, spread: Vector) -> tuple[Amounts, Amounts]:
    peak, off = exact_all(peak_kw.tolist()), exact_all(spread.tolist())
    low = tuple(p * max(1 - x, Fraction(0)) for p, x in zip(peak, off, strict=True))
    high = tuple(p * (1 + x) for p, x in zip(peak, off, strict=True))
    return low, high


def _sums(domain: Domain, *, of_wanted: bool) -> tuple[Sum, ...]:
    """Return the sums of demand that say more than the ranges do; bounds are exact products."""
    network = domain.community.network
    peaks, found = exact_all(domain.demand_upper_kw.tolist()), []
    for line, (base, most) in enumerate(zip(domain.base.tolist(), domain.coincidence.tolist(), strict=True)):
        below = np.flatnonzero(network.incidence[line]).tolist()
        total = sum((peaks[i] for i in below), Fraction(0))
        lower = exact(base) * total if base > 0 else None
        upper = exact(most) * total if most < 1 else None
        if below and (lower is not None or upper is not None):
            found.append(Sum(of_wanted=of_wanted, line=line, lower=lower, upper=upper))
    return tuple(found)

"""From which price of shedding on no load is shed where a battery could have helped, shown at both sides of it.

The projection minimises Σ w/2·(b − b̂)² + ρ·s + ε/2·s². A battery that gives way from its intent b̂ to −P⁻ costs at most
w·(P⁺ + P⁻) for the last kW, when b̂ = P⁺. docs/worst-case.md proves that no load is shed avoidably for any ρ >= that,
in any situation and network. Here is the situation in which a smaller price fails: a prosumer alone that lacks r = P⁻
behind its limit and whose policy wants to charge with all it has.

    s = (p − ρ)/ε,  b = b̂ − p/w,  s − b = r         give p = (b̂ + r + ρ/ε)/(1/w + 1/ε)

if that has s > 0, which is ρ < w·(b̂ + r) = w·(P⁺ + P⁻); else s = 0, b = −r and p = w·(b̂ + r).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.layers.projection.program import BATTERY_WEIGHT, SMOOTHING, shed_price
from autonomy.layers.supervision.rating import Ratings
from autonomy.worstcase.amounts import exact, exact_all, text, texts

ZERO = Fraction(0)
STEP = Fraction(1, 1000)
"""How far below and above the threshold the two cases are, as a part of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """The optimum of the situation at a price.

    Attributes:
        shed_price: Cost per kW, ρ.
        battery: kW, + = charge.
        shed: kW.
        price: Multiplier of s − b >= r.
    """

    shed_price: Fraction
    battery: Fraction
    shed: Fraction
    price: Fraction

    def document(self) -> dict[str, str]:
        """Return the case as a certificate states it."""
        return {
            "shed_price": text(self.shed_price),
            "battery_kw": text(self.battery),
            "shed_kw": text(self.shed),
            "price": text(self.price),
            "least_shed_kw": "0",
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Penalty:
    """The threshold of a community, and what happens on both sides of it.

    Attributes:
        power: (N,) kW, pairs of P⁺ and P⁻.
        weight: Cost per kW², w, of every battery.
        smoothing: Cost per kW², ε.
        threshold: Cost per kW.
        shed_price: Cost per kW that the projection charges.
        prosumer: Whose battery attains the threshold.
        below: The optimum at a price below the threshold; it sheds.
        above: The optimum at a price above it; it does not.
    """

    power: tuple[tuple[Fraction, Fraction], ...]
    weight: Fraction
    smoothing: Fraction
    threshold: Fraction
    shed_price: Fraction
    prosumer: int
    below: Case
    above: Case

    def certificate(self) -> dict[str, Any]:
        """Return the certificate of kind "penalty"."""
        return {
            "format": "autonomy-certificate/1",
            "kind": "penalty",
            "statement": f"A price of shedding above {float(self.threshold):g} never sheds avoidably, one below does; "
            f"{float(self.shed_price):g} is charged.",
            "threshold": text(self.threshold),
            "prosumer": self.prosumer,
            "power_kw": [texts(pair) for pair in self.power],
            "weight": [text(self.weight)] * len(self.power),
            "smoothing": text(self.smoothing),
            "shed_price": text(self.shed_price),
            "below": self.below.document(),
            "above": self.above.document(),
        }


def penalty_of(community: Community) -> Penalty:
    """Return the threshold of a community's projection.

    Raises:
        ModelError: nobody has a battery that can discharge, so that no battery could help.
    """
    charge = exact_all(community.charge_limit_kw.tolist())
    discharge = exact_all(community.discharge_limit_kw.tolist())
    weight, smoothing = exact(BATTERY_WEIGHT), exact(SMOOTHING)
    prosumer = max(range(len(charge)), key=lambda i: charge[i] + discharge[i])
    threshold = weight * (charge[prosumer] + discharge[prosumer])
    if discharge[prosumer] == 0:
        raise ModelError("discharge_limit_kw", 0.0, "a largest battery that can discharge")
    cases = [
        case_of(factor * threshold, charge[prosumer], discharge[prosumer], weight=weight, smoothing=smoothing)
        for factor in (1 - STEP, 1 + STEP)
    ]
    return Penalty(
        power=tuple(zip(charge, discharge, strict=True)),
        weight=weight,
        smoothing=smoothing,
        threshold=threshold,
        shed_price=exact(shed_price(Ratings(community).default)),
        prosumer=prosumer,
        below=cases[0],
        above=cases[1],
    )


def case_of(
    shed_price: Fraction, charge: Fraction, discharge: Fraction, *, weight: Fraction, smoothing: Fraction
) -> Case:
    """Return the optimum of the situation in closed form: intent P⁺, and P⁻ is lacking."""
    price = (charge + discharge + shed_price / smoothing) / (1 / weight + 1 / smoothing)
    shed = (price - shed_price) / smoothing
    if shed <= 0:
        return Case(shed_price=shed_price, battery=-discharge, shed=ZERO, price=weight * (charge + discharge))
    return Case(shed_price=shed_price, battery=charge - price / weight, shed=shed, price=price)

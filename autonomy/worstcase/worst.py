"""The largest least cut over a domain: in closed form over a box, by a proved search where sums tie prosumers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.solvers.linear_solution import solve
from autonomy.worstcase.adversary import adversary
from autonomy.worstcase.amounts import MILLIWATT, exact, exact_all, range_texts, text, texts
from autonomy.worstcase.cut import LeastCut, least_cut
from autonomy.worstcase.domain import Domain
from autonomy.worstcase.fill import climb, is_inside
from autonomy.worstcase.polytope import Polytope, polytope_of
from autonomy.worstcase.program import ExactProgram
from autonomy.worstcase.search import MOST_NODES, Search, search
from autonomy.worstcase.side import Quantity, Rung, Side, side_of

ZERO = Fraction(0)
ALLOWED_GAP = MILLIWATT
"""kW up to which a worst case counts as exact; most have a gap of 0."""
GAP_OF_HIGHS = 1e-9
"""Relative gap that HiGHS is asked for."""
SECONDS_OF_HIGHS = 20.0
"""How long HiGHS may look for a first point on its own; nothing depends on its proof."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorstCase:
    """The worst case of one side over a domain.

    Attributes:
        domain: Over what.
        side: What holds.
        polytope: The domain as the side sees it.
        least_cut: At the witness: the value, a plan that attains it, a labelling that proves it.
        energy_kwh: (N,) kWh stored at the witness.
        bound: kW, proved for the whole domain.
        program: The mixed-integer program; None over a box.
        found: The search that proved the bound; None over a box.
        claimed: kW, the best that HiGHS alone finds in the program; NaN over a box, or where it finds nothing.
        seconds: Wall-clock time for all of it.
    """

    domain: Domain
    side: Side
    polytope: Polytope
    least_cut: LeastCut
    energy_kwh: Vector
    bound: Fraction
    program: ExactProgram | None
    found: Search | None
    claimed: float
    seconds: float

    @property
    def value(self) -> Fraction:
        """The least cut at the witness, kW."""
        return self.least_cut.value

    @property
    def gap(self) -> Fraction:
        """Difference of bound and value, kW >= 0."""
        return self.bound - self.value

    @property
    def is_exact(self) -> bool:
        """Whether bound and witness agree as closely as is called exact."""
        return ZERO <= self.gap <= ALLOWED_GAP

    def certificate(self) -> dict[str, Any]:
        """Return the certificate of kind "worst-case"."""
        point, polytope = self.least_cut.point, self.polytope
        sun = (
            None if polytope.sun is None else text(polytope.sun.upper if polytope.sun.of_wanted else polytope.sun.lower)
        )
        proof = {}
        if self.program is not None and self.found is not None:
            proof = {"program": self.program.document(), "tree": [node.document() for node in self.found.tree]}
        return {
            "format": "autonomy-certificate/1",
            "kind": "worst-case",
            "statement": f"Nowhere in the domain does the rung {self.side.rung} need more {self.side.quantity} than "
            f"{float(self.bound):.6f} kW.",
            **self.side.document(),
            "domain": {
                "wanted_kw": range_texts(polytope.wanted_low, polytope.wanted_high),
                "eased_kw": range_texts(polytope.eased_low, polytope.eased_high),
                "sums": [bound.document() for bound in polytope.sums],
                "sun": None if polytope.sun is None else polytope.sun.document(),
                "storage": list(_storage(self.domain, self.side)),
            },
            "witness": {
                "wanted_kw": texts(point.wanted),
                "eased_kw": texts(point.eased),
                "sun": sun,
                "energy_kwh": texts(exact_all(self.energy_kwh.tolist())),
            },
            "least_cut": self.least_cut.proof(),
            "value_kw": text(self.value),
            "bound_kw": text(self.bound),
            "gap_kw": text(self.gap),
            "allowed_gap_kw": text(ALLOWED_GAP),
            "method": "tree" if proof else "corner",
            **proof,
        }


def worst_case(
    domain: Domain,
    quantity: Quantity,
    rung: Rung,
    *,
    box: bool = False,
    most_nodes: int = MOST_NODES,
    time_limit_s: float | None = None,
    highs_limit_s: float = SECONDS_OF_HIGHS,
) -> WorstCase:
    """Return the most that a rung needs to cut anywhere in a domain, proved.

    Args:
        domain: Over what.
        quantity: Shedding or curtailment.
        rung: On which rung of the ladder.
        box: Whether to take the smallest box around the domain instead, in closed form.
        most_nodes: Nodes of the search; with too few the gap is larger, and says so.
        time_limit_s: Seconds for the search; None for no limit.
        highs_limit_s: Seconds that HiGHS may look for a good first point on its own; it need not find any.

    Raises:
        ModelError: the domain has no point.
    """
    start = time.perf_counter()
    energy = _worst_energy_kwh(domain, quantity)
    side = side_of(domain.community, quantity, rung, energy)
    polytope = polytope_of(domain, quantity, rung, box=box)
    if polytope.is_box:
        program, found, claimed, best = None, None, np.nan, least_cut(side, polytope.corner)
    else:
        program = adversary(side, polytope)
        labels = _Labels(side, polytope, program)
        claimed = _claimed(program, labels, highs_limit_s)
        if not is_inside(side, polytope, labels.best.point):
            raise ModelError("domain", "sums that no demand within the ranges can keep", "a domain with a point in it")
        found = search(
            program,
            labels,
            allowed_gap=ALLOWED_GAP / 2,
            priority=[_priority(column.name, side) for column in program.columns],
            most_nodes=most_nodes,
            time_limit_s=time_limit_s,
        )
        best = labels.best
    return WorstCase(
        domain=domain,
        side=side,
        polytope=polytope,
        least_cut=best,
        energy_kwh=energy,
        bound=best.value if found is None else max(found.bound, ZERO),
        program=program,
        found=found,
        claimed=claimed,
        seconds=time.perf_counter() - start,
    )


def _claimed(program: ExactProgram, labels: _Labels, limit_s: float) -> float:
    """Return the best that HiGHS alone finds, having climbed from it; NaN where it finds nothing."""
    alone = solve(program.in_floats(), relative_gap=GAP_OF_HIGHS, time_limit_s=limit_s)
    if alone.found:
        labels(alone.x)
    return -alone.objective


def _priority(name: str, side: Side) -> float:
    """Return how early a label is split on: the feeder's, then how many prosumers have their own, then lines."""
    if name == f"line[{side.network.leaves_first[-1]}]":
        return 3.0
    return 2.0 if name == "owns" else 1.0 if name.startswith("line[") else 0.0


class _Labels:
    """Climbs from the labels of every linear optimum and keeps the best point."""

    def __init__(self, side: Side, polytope: Polytope, program: ExactProgram) -> None:
        self._side, self._polytope = side, polytope
        place = {column.name: j for j, column in enumerate(program.columns) if column.integer}
        buses = side.network.bus_of_prosumer.tolist()
        self._columns = [place.get(f"own[{i}]", place[f"line[{bus}]"]) for i, bus in enumerate(buses)]
        self._tried: set[tuple[int, ...]] = set()
        self.best = climb(side, polytope, (1,) * side.size)

    def __call__(self, x: Vector) -> Fraction:
        """Return the best value known, after a climb from the labels that x is nearest to."""
        labels = tuple((x[self._columns] > 0.5).astype(int).tolist())
        if labels not in self._tried:
            self._tried.add(labels)
            found = climb(self._side, self._polytope, labels)
            if found.value > self.best.value:
                self.best = found
        return self.best.value


def _worst_energy_kwh(domain: Domain, quantity: Quantity) -> Vector:
    """Return (N,) kWh at the end of the range at which batteries help least."""
    soc = domain.soc_lower if quantity is Quantity.SHED else domain.soc_upper
    energy: Vector = soc * domain.community.battery_capacity_kwh
    return energy


def _storage(domain: Domain, side: Side) -> Iterator[dict[str, Any]]:
    """Yield what a certificate states of each battery."""
    community: Community = domain.community
    power, efficiency = (
        (community.discharge_limit_kw, community.discharge_efficiency)
        if side.is_shed
        else (community.charge_limit_kw, community.charge_efficiency)
    )
    capacity = community.battery_capacity_kwh
    for i in range(side.size):
        yield {
            "power_kw": text(exact(power[i])),
            "efficiency": text(exact(efficiency[i])),
            "energy_kwh": texts(exact_all([domain.soc_lower[i] * capacity[i], domain.soc_upper[i] * capacity[i]])),
            "band_kwh": texts(exact_all([community.energy_min_kwh[i], community.energy_max_kwh[i]])),
            "retention": text(exact(community.retention[i])),
            "timestep_h": text(exact(community.timestep_h)),
        }

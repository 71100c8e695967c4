"""`python -m autonomy.worstcase --prosumers 100`: the worst cases of the demo's homes, each proved and replayed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autonomy.layers.community import Community
from autonomy.series import Series
from autonomy.worstcase.amounts import canonical
from autonomy.worstcase.domain import Domain, domain_of
from autonomy.worstcase.peak import envelope_of, peak_of
from autonomy.worstcase.penalty import penalty_of
from autonomy.worstcase.places import behind_feeder, on_tree
from autonomy.worstcase.replay import replay
from autonomy.worstcase.reserve import least_reserve
from autonomy.worstcase.reserve_program import Objective
from autonomy.worstcase.side import Quantity, Rung
from autonomy.worstcase.tree import tree_bound
from autonomy.worstcase.worst import WorstCase, worst_case

STORED = (0.3, 0.8)
"""Fractions of the capacity between which batteries are kept for the support rung."""
PEAK_HOUR, PEAK_HOURS = 17, 5
EXIT_OK, EXIT_UNPROVED = 0, 2
HEAD = (
    f"{'network':8}{'quantity':12}{'rung':11}{'box kW':>10}{'worst kW':>13}{'gap kW':>9}{'whole':>6}{'leaves':>7}"
    f"{'LPs':>7}{'HiGHS kW':>13}{'search s':>9}{'check s':>8}{'replay mW':>11}"
)


def main(arguments: list[str] | None = None) -> int:
    """Print the table; return 0 if everything is proved exactly, else 2."""
    parser = argparse.ArgumentParser(prog="python -m autonomy.worstcase", description=__doc__)
    parser.add_argument("--prosumers", type=int, default=20, help="homes of the community (default 20)")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for each search (default 300)")
    parser.add_argument("--out", type=Path, help="folder for the certificates")
    options = parser.parse_args(arguments)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
    proved = True
    for name, (community, series) in _places(options.prosumers):
        domain = domain_of(community, series, soc_lower=STORED[0], soc_upper=STORED[1])
        _say(f"{name}: {community.n_prosumers} prosumers, {community.network.n_lines} line(s)")
        _say(_sentence(domain, series))
        _say(HEAD)
        for quantity in Quantity:
            for rung in Rung:
                box = worst_case(domain, quantity, rung, box=True)
                worst = worst_case(domain, quantity, rung, time_limit_s=options.limit)
                _say(_row(name, box, worst))
                proved &= worst.is_exact and box.is_exact
                for kind, found in (("box", box), ("polytope", worst)):
                    _keep(options.out, f"worst-{name}-{quantity}-{rung}-{kind}", found.certificate())
    proved &= _reserves(options.prosumers, options.out)
    return EXIT_OK if proved else EXIT_UNPROVED


def _places(homes: int) -> Iterator[tuple[str, tuple[Community, Series]]]:
    yield "feeder", behind_feeder(homes)
    yield "tree", on_tree(homes)


def _sentence(domain: Domain, series: Series) -> str:
    inside = 100 * domain.holds(series.demand_kw, series.pv_kw).mean()
    return (
        f"domain: Σ dmax {domain.demand_upper_kw.sum():.1f} kW, coincidence {domain.coincidence[0]:g}, sun up to "
        f"{domain.sun_upper:g} of {domain.pv_peak_kw.sum():.1f} kW, {inside:.1f} % of the year inside"
    )


def _row(name: str, box: WorstCase, worst: WorstCase) -> str:
    found, program, played = worst.found, worst.program, replay(worst)
    if found is None or program is None:
        return f"{name:8}{worst.side.quantity:12}{worst.side.rung:11}{float(box.value):10.3f}  is a box"
    start = time.perf_counter()
    tree_bound(program, found.tree)
    checked = time.perf_counter() - start
    whole = sum(column.integer for column in program.columns)
    return (
        f"{name:8}{worst.side.quantity:12}{worst.side.rung:11}{float(box.value):10.3f}{float(worst.value):13.6f}"
        f"{float(worst.gap):9.1e}{whole:6}{found.leaves:7}{found.linear_programs:7}{worst.claimed:13.6f}"
        f"{found.seconds:9.2f}{checked:8.2f}{played.difference_mw:11.3f}"
    )


def _reserves(homes: int, out: Path | None) -> bool:
    """Print reserve and threshold of the homes behind one feeder; return whether they are exact."""
    community, series = behind_feeder(homes)
    demand, pv = envelope_of(series, first_hour=PEAK_HOUR, hours=PEAK_HOURS)
    peak, proved = peak_of(community, demand, pv), True
    for objective, unit in ((Objective.ENERGY, "kWh above the floors"), (Objective.SHARE, "of each band")):
        found = least_reserve(peak, objective)
        proved &= found.is_exact
        _say(
            f"reserve for {PEAK_HOURS} h from {PEAK_HOUR}:00: {float(found.value):.6f} {unit}, "
            f"gap {float(found.gap):.1e}, {found.seconds:.2f} s"
        )
        _keep(out, f"reserve-{objective}", found.certificate())
    penalty = penalty_of(community)
    _say(
        f"price of shedding: {float(penalty.shed_price):g} is charged, the threshold is {float(penalty.threshold):g}; "
        f"at {float(penalty.below.shed_price):g} {1e3 * float(penalty.below.shed):.3f} W are shed in vain, "
        f"at {float(penalty.above.shed_price):g} nothing"
    )
    _keep(out, "penalty", penalty.certificate())
    return proved


def _keep(out: Path | None, name: str, document: dict[str, Any]) -> None:
    if out is not None:
        (out / f"{name}.json").write_bytes(canonical(document))


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())

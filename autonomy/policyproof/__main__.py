"""`python -m autonomy.policyproof`: the properties of a policy's network over the demo, one block a property."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np

from autonomy.configuration import demo_configuration
from autonomy.errors import OptionalDependencyError
from autonomy.layers.supervision.monitors.accuracy import Accuracy
from autonomy.learning.gates import PRICE
from autonomy.learning.policy import networks_of
from autonomy.learning.shipped import SHIPPED, shipped
from autonomy.policyproof.ensemble import Ensemble
from autonomy.policyproof.intervention import most_intervention, moved_kw, worst_met
from autonomy.policyproof.meters import moved, recorded
from autonomy.policyproof.region import Region, region_of
from autonomy.policyproof.search import Effort
from autonomy.policyproof.study import EMPTY_MOST, Monotony, agreement, controlled, emptied, monotonies
from autonomy.safety.domain import operating_domain
from autonomy.scenario import Scenario

EXIT_OK, EXIT_UNPROVED = 0, 2
BOXES = ((0, 0.1), (1, 0.1), (2, 0.1), (0, 0.2), (1, 0.2), (2, 0.2), (0, 0.4), (1, 0.4), (2, 0.4))
"""Number of the network and share of a tube, where two tools are compared."""


def main(arguments: list[str] | None = None) -> int:
    """Print the properties; return 0 if what should be proved is, and the planted counterexample is found, else 2."""
    parser = argparse.ArgumentParser(prog="python -m autonomy.policyproof", description=__doc__)
    parser.add_argument("--policy", default="learned", choices=sorted(SHIPPED), help="whose networks (default learned)")
    parser.add_argument("--hours", type=int, default=24, help="hours whose tubes are looked at (default 24)")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for each search (default 60)")
    parser.add_argument("--only", choices=sorted(BLOCKS), help="one property alone")
    options = parser.parse_args(arguments)
    policy, scenario = shipped(options.policy), Scenario.demo()
    region = region_of(demo_configuration().community, scenario, networks_of(policy), policy.economics)
    held_out = np.concatenate([np.arange(week.start, week.stop) for week in scenario.held_out_weeks()])
    hours = [int(k) for k in held_out[np.linspace(0, held_out.size - 1, options.hours).astype(int)]]
    is_right = True
    for name, block in BLOCKS.items():
        if options.only not in (None, name):
            continue
        start = time.perf_counter()
        for text, is_as_expected in block(region, hours, options.limit):
            print(text, flush=True)
            is_right &= is_as_expected
        print(f"    {time.perf_counter() - start:.1f} s", flush=True)
    return EXIT_OK if is_right else EXIT_UNPROVED


Said = Iterator[tuple[str, bool]]
"""Lines, and whether each is as it should be."""


def _bids(region: Region, _hours: Sequence[int], _limit: float) -> Said:
    bounds = Ensemble(region.networks, (PRICE,)).bounds(region.everything)
    low, high = float(bounds.least[0, 0]), float(bounds.most[0, 0])
    yield f"bids: gate in [{low:.6f}, {high:.6f}] over everything that can be told, so inside [feed-in, retail]", True


def _empty(region: Region, hours: Sequence[int], limit: float) -> Said:
    found = emptied(region, hours, Effort(seconds=limit))
    text = (
        f"batteries emptied into the grid, {len(hours)} tubes: gate <= {found.bound:.6f}, met {found.value:.6f}, "
        f"<= {EMPTY_MOST:g} over {found.proved:.1%}, violated {found.violated:.1%}, unknown {found.unknown:.1%}, "
        f"{found.boxes} boxes"
    )
    yield text, found.is_proved


def _intervention(region: Region, hours: Sequence[int], _limit: float) -> Said:
    domain = operating_domain(region.community, region.scenario).domain
    most = most_intervention(region.community, domain)
    if most is None:
        yield "interventions: lines, connections or ramps could ask for more; nothing is claimed", True
        return
    scene, played = worst_met(region, domain, hours[::3], (0.2, 0.5, 0.9))
    text = (
        f"interventions: moved <= {most.moved_kw:.3f} kW (imports {most.by_import_kw:.3f}, exports "
        f"{most.by_export_kw:.3f}), distance <= {most.distance_kw:.3f} kW; met {moved_kw(played):.3f} kW at step "
        f"{scene.step}, mode {played.mode}, {played.broken} rules broken"
    )
    yield text, moved_kw(played) <= most.moved_kw and played.broken == 0


def _meters(region: Region, _hours: Sequence[int], _limit: float) -> Said:
    week = next(iter(region.scenario.held_out_weeks()))
    found = moved(region, recorded(region, [week]), Accuracy())
    pairs = (("a battery", found.bound_kw, found.sampled_kw), ("the sum", found.total_bound_kw, found.total_sampled_kw))
    for name, bound, met in pairs:
        text = (
            f"meters of class 1, {week.n_steps} steps: {name} moves <= {bound.max():.3f} kW "
            f"(median {np.median(bound):.3f}), "
            f"met {met.max():.3f} kW (median {np.median(met):.3f})"
        )
        yield text, bool((met <= bound).all())


def _monotone(region: Region, hours: Sequence[int], limit: float) -> Said:
    prices = float(region.scenario.retail_price.min()), float(region.scenario.retail_price.max())
    tried = list(range(region.scenario.n_steps))
    effort = Effort(seconds=limit, by_volume=True)
    for name, found in zip(("price", "stored"), monotonies(region, hours, tried, prices, effort), strict=True):
        yield _rises(name, found), True


def _rises(name: str, found: Monotony) -> str:
    proved, violated, unknown = found.shares
    share = float((found.rises > found.tolerance_kw).mean())
    time_ = found.hour.region.scenario.time[found.hour.step]
    return (
        f"{name}: rises by <= {found.tolerance_kw:.2f} kW over {proved:.1%} of {len(found.mapped)} planes, violated "
        f"{violated:.2%}, unknown {unknown:.1%}, {sum(x.is_proved for x in found.mapped)} planes proved whole; "
        f"more in {share:.1%} of {len(found.rises)} hours tried, at most {found.worst.by_kw:.3f} kW at {time_}: "
        f"executed {found.before.battery_kw.sum():.3f} -> {found.after.battery_kw.sum():.3f} kW"
    )


def _tools(region: Region, hours: Sequence[int], limit: float) -> Said:
    for k, (number, share) in enumerate(BOXES):
        try:
            found = agreement(region, number % len(region.networks), hours[k % len(hours)], share, limit_s=limit)
        except OptionalDependencyError as missing:
            yield f"two tools: {missing}", True
            return
        text = (
            f"two tools, network {found.network}, {share:g} of a tube: {found.optimum.binaries} bend; no split "
            f"{found.crown:.4f}, split {found.split.bound:.6f} "
            f"({found.split.boxes} boxes, {found.split.seconds:.1f} s), "
            f"{found.optimum.versions} {found.optimum.value:.6f} ({found.optimum.seconds:.1f} s)"
        )
        yield text, found.is_agreed or not found.is_finished


def _planted(region: Region, hours: Sequence[int], limit: float) -> Said:
    found = controlled(region, hours[len(hours) // 2], samples=100_000, effort=Effort(seconds=limit, to_first=True))
    text = (
        f"planted: {found.samples} samples meet {found.sampled:.2e}; the search meets {found.found.value:.4f} in "
        f"{found.found.boxes} boxes; played, {found.honest.battery_kw.sum():.3f} kW become "
        f"{found.played.battery_kw.sum():.3f} kW, {found.played.broken} rules broken"
    )
    yield text, found.found.value > EMPTY_MOST >= found.sampled


BLOCKS = {
    "bids": _bids,
    "empty": _empty,
    "intervention": _intervention,
    "meters": _meters,
    "monotone": _monotone,
    "tools": _tools,
    "planted": _planted,
}
"""The properties by name, in their order."""


if __name__ == "__main__":
    sys.exit(main())

"""Dispatch a long window, or a large community, with every method, and print a table.

python -m autonomy.benchmark.year --homes 24 --steps 8760
"""

from __future__ import annotations

import argparse

from autonomy.benchmark.year.measure import measured
from autonomy.benchmark.year.method import METHODS
from autonomy.benchmark.year.places import KINDS, Place
from autonomy.benchmark.year.table import lines
from autonomy.rollout import OPTIMUM
from autonomy.run import BASELINE

USUAL = (BASELINE, OPTIMUM, "aggregate", "shared", "apart-24", "rolling-24/24", "rolling-48/24", "rolling-72/24")


def main() -> None:
    """Measure one method after the other and print the table."""
    parser = argparse.ArgumentParser(prog="python -m autonomy.benchmark.year", description=__doc__)
    parser.add_argument("--homes", type=int, default=17)
    parser.add_argument("--steps", type=int, default=8760, help="hours from the first of the demo's year on")
    parser.add_argument("--kind", choices=KINDS, default="alike", help="what the batteries and connections are like")
    parser.add_argument("--methods", default=",".join(USUAL), help=f"of {', '.join(METHODS)}")
    parser.add_argument("--workers", type=int, default=1, help="processes for days apart")
    options = parser.parse_args()
    methods = options.methods.split(",")
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        parser.error(f"--methods: {', '.join(unknown)}: expected some of {', '.join(METHODS)}")
    place = Place(kind=options.kind, homes=options.homes, steps=options.steps)
    print(f"{place.homes} homes, {place.steps} steps, batteries: {place.kind}\n")
    rows = [measured(place, name, options.workers) for name in methods]
    print("\n".join(lines(rows)))


if __name__ == "__main__":
    main()

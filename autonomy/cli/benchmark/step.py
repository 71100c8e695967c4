"""`autonomy benchmark step`: the whole step of the controller, and its parts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from autonomy.cli.arguments import EXIT_OK, Commands, command_line, require_at_least, sizes_of, words_of
from autonomy.cli.benchmark.console import progress_bar, table_console
from autonomy.cli.benchmark.machine import measured_machine
from autonomy.cli.benchmark.outcome import leave
from autonomy.cli.benchmark.repeats import repeats_of
from autonomy.cli.folder import require_writable

OUT = "autonomy-step"
SIZES = "4,24,100,1000"
POLICIES = "grid-only,self-consumption,time-of-use"
STEPS, QUICK_STEPS = 2_000, 100
"""Steps of the controller."""


def add_command(parts: Commands) -> None:
    """Add `autonomy benchmark step` to what can be measured."""
    job = parts.add_parser(
        "step",
        help="Controller.step end to end and part by part",
        description="Time whole steps of the controller, journal included, and their parts on the same inputs.",
    )
    job.add_argument("--sizes", metavar="N,…", default=SIZES, help=f"prosumers; default: {SIZES}")
    job.add_argument("--policies", metavar="NAME,…", default=POLICIES, help=f"default: {POLICIES}")
    job.add_argument("--topology", metavar="NAME,…", default="feeder", help="feeder, tree, nested; default: feeder")
    job.add_argument("--repeats", metavar="N", type=int, help=f"steps to time; default: {STEPS}")
    job.add_argument("--seed", metavar="N", type=int, default=0, help="of the observations; default: 0")
    job.add_argument("--quick", action="store_true", help=f"{QUICK_STEPS} steps")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.set_defaults(carry_out=step_command)


def step_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy benchmark step`; see `add_command` for the options."""
    from autonomy.benchmark.step import SCHEMA, measure_step, step_tables  # noqa: PLC0415
    from autonomy.benchmark.topologies import TOPOLOGIES  # noqa: PLC0415
    from autonomy.benchmark.write import CSV_NAME, FILES  # noqa: PLC0415
    from autonomy.layers.intent import POLICIES as KNOWN_POLICIES  # noqa: PLC0415

    sizes = sizes_of("--sizes", options.sizes)
    policies = words_of("--policies", options.policies, KNOWN_POLICIES)
    topologies = words_of("--topology", options.topology, TOPOLOGIES)
    steps = repeats_of(options, STEPS, QUICK_STEPS)
    require_at_least("--seed", options.seed, 0)
    require_writable(options.out, FILES, CSV_NAME)
    console = table_console()
    with console.status("measuring memory bandwidth"):
        machine = measured_machine(quick=True)
    cases = [(policy, topology, n) for topology in topologies for policy in policies for n in sizes]
    rows = []
    with progress_bar() as bar:
        task = bar.add_task("", total=len(cases))
        for policy, topology, n in cases:
            bar.update(task, description=f"{policy}, {topology}, N = {n:,}")
            overhead_s = machine.clock_overhead_s
            rows.append(measure_step(policy, topology, n, steps=steps, seed=options.seed, overhead_s=overhead_s))
            bar.advance(task)
    found, command = step_tables(rows), command_line(words)
    leave(options.out, console, schema=SCHEMA, rows=rows, tables=found, machine=machine, command=command)
    return EXIT_OK

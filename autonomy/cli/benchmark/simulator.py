"""`autonomy benchmark simulator`: what the simulator plays per second, and whether its books balance; 2 if not."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autonomy.cli.arguments import EXIT_OK, EXIT_UNSAFE, Commands, command_line, require_at_least
from autonomy.cli.benchmark.console import table_console
from autonomy.cli.benchmark.machine import measured_machine
from autonomy.cli.benchmark.outcome import leave
from autonomy.cli.benchmark.repeats import repeats_of
from autonomy.cli.folder import require_writable
from autonomy.layers.errors import ConfigError

if TYPE_CHECKING:
    from autonomy.benchmark.simulator.run import Peer

OUT = "autonomy-simulator"
STEPS, QUICK_STEPS = 2_000, 100
INTENTS = {"within 5 kW": 5.0, "within 50 kW": 50.0}
"""What the year's books are kept under: kW that intents are drawn within."""


def add_command(parts: Commands) -> None:
    """Add `autonomy benchmark simulator` to what can be measured."""
    job = parts.add_parser(
        "simulator",
        help="prosumer-steps per second of the simulator and its learning interfaces",
        description="Time the faces of the simulator with random actions, and CityLearn 3 on the same homes where its "
        "interpreter and its data are named.",
    )
    job.add_argument("--repeats", metavar="N", type=int, help=f"steps to time; default: {STEPS}")
    job.add_argument("--seed", metavar="N", type=int, default=0, help="of actions and windows; default: 0")
    job.add_argument("--quick", action="store_true", help=f"{QUICK_STEPS} steps")
    job.add_argument("--citylearn", metavar="PYTHON", type=Path, help="interpreter of an environment with CityLearn 3")
    job.add_argument(
        "--citylearn-data", metavar="DIR", type=Path, help="citylearn_challenge_2022_phase_all of citylearn 2.1.2"
    )
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.set_defaults(carry_out=simulator_command)


def simulator_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy benchmark simulator`; see `add_command` for the options."""
    from autonomy.benchmark.simulator.books import LARGEST_RELATIVE, keep_books  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.simulator.run import SCHEMA, measure_simulator  # noqa: PLC0415
    from autonomy.benchmark.simulator.table import books_table, simulator_tables  # noqa: PLC0415
    from autonomy.benchmark.write import CSV_NAME, FILES  # noqa: PLC0415

    steps, peer = repeats_of(options, STEPS, QUICK_STEPS), _peer(options)
    require_at_least("--seed", options.seed, 0)
    require_writable(options.out, FILES, CSV_NAME)
    console = table_console()
    with console.status("playing communities"):
        machine = measured_machine(quick=True)
        rows = measure_simulator(steps=steps, seed=options.seed, overhead_s=machine.clock_overhead_s, peer=peer)
        books = [
            keep_books(name, scale, seed=options.seed, steps=QUICK_STEPS if options.quick else None)
            for name, scale in INTENTS.items()
        ]
    tables, command = (*simulator_tables(rows), books_table(books)), command_line(words)
    leave(options.out, console, schema=SCHEMA, rows=rows, tables=tables, machine=machine, command=command)
    closed = all(x.relative <= LARGEST_RELATIVE and x.off_by_micro == 0 and x.worse_off == 0 for x in books)
    return EXIT_OK if closed else EXIT_UNSAFE


def _peer(options: argparse.Namespace) -> Peer | None:
    from autonomy.benchmark.simulator.run import Peer  # noqa: PLC0415 - only when needed

    python, data = options.citylearn, options.citylearn_data
    if python is None and data is None:
        return None
    if python is None or not python.is_file():
        raise ConfigError("--citylearn", "", f"found {str(python)!r}; expected the path of a Python interpreter")
    if data is None or not (data / "schema.json").is_file():
        raise ConfigError("--citylearn-data", "", f"found {str(data)!r}; expected a folder with schema.json")
    return Peer(python=python, data=data)

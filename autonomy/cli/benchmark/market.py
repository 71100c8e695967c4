"""`autonomy benchmark market`: what clearing costs, from a dozen orders to a million; 2 when something is lost."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from autonomy.cli.arguments import EXIT_OK, EXIT_UNSAFE, Commands, command_line, require_at_least, sizes_of
from autonomy.cli.benchmark.console import table_console
from autonomy.cli.benchmark.machine import measured_machine
from autonomy.cli.benchmark.outcome import leave
from autonomy.cli.benchmark.repeats import repeats_of
from autonomy.cli.folder import require_writable

OUT = "autonomy-market"
SIZES = "12,100,1000,10000,100000,1000000"
BUDGET, QUICK_BUDGET = 20_000_000, 100_000
"""Orders over all calls of a case; so many calls are timed, but at least `LEAST` and at most `MOST`."""
LEAST, MOST = 5, 2_000


def add_command(parts: Commands) -> None:
    """Add `autonomy benchmark market` to what can be measured."""
    job = parts.add_parser(
        "market",
        help="order books of all sizes, and many markets at once",
        description="Time the clearing of order books, payments included, and of many small markets in one call.",
    )
    job.add_argument("--sizes", metavar="N,…", default=SIZES, help=f"orders of a book; default: {SIZES}")
    job.add_argument("--repeats", metavar="N", type=int, help=f"calls to time; default: {LEAST} to {MOST}, by size")
    job.add_argument("--seed", metavar="N", type=int, default=0, help="of the orders; default: 0")
    job.add_argument("--quick", action="store_true", help="fewer calls")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.set_defaults(carry_out=market_command)


def market_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy benchmark market`; see `add_command` for the options."""
    from autonomy.benchmark.market import (  # noqa: PLC0415 - only when needed
        BATCHES,
        SCHEMA,
        market_tables,
        measure_batch,
        measure_books,
    )
    from autonomy.benchmark.write import CSV_NAME, FILES  # noqa: PLC0415

    sizes = sizes_of("--sizes", options.sizes)
    require_at_least("--seed", options.seed, 0)
    require_writable(options.out, FILES, CSV_NAME)

    def calls(orders: int) -> int:
        usual, quick = (min(max(budget // orders, LEAST), MOST) for budget in (BUDGET, QUICK_BUDGET))
        return repeats_of(options, usual, quick)

    console = table_console()
    with console.status("clearing"):
        machine = measured_machine(quick=True)
        given = {"seed": options.seed, "overhead_s": machine.clock_overhead_s}
        rows = [measure_books(n, calls=calls(n), **given) for n in sizes]
        for markets, size in BATCHES:
            rows += measure_batch(markets, size, calls=calls(markets * size), **given)
    found, command = market_tables(rows), command_line(words)
    leave(options.out, console, schema=SCHEMA, rows=rows, tables=found, machine=machine, command=command)
    return EXIT_OK if all(row.is_exact for row in rows) else EXIT_UNSAFE

"""`autonomy benchmark projection`; 2 when our own exact backend was ever wrong."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

import autonomy
from autonomy.cli.arguments import (
    EXIT_OK,
    EXIT_UNSAFE,
    Commands,
    command_line,
    require_at_least,
    sizes_of,
    words_of,
)
from autonomy.cli.benchmark.console import progress_bar, table_console
from autonomy.cli.benchmark.machine import measured_machine
from autonomy.cli.benchmark.repeats import repeats_of
from autonomy.cli.folder import publish, require_writable

if TYPE_CHECKING:
    from autonomy.benchmark.machine import Machine
    from autonomy.benchmark.projection import Results, Run, Settings
    from autonomy.benchmark.row import Row

OUT = "autonomy-benchmark"
SIZES, QUICK_SIZES = "4,24,100,1000,10000,100000,1000000", "4,24,100"
CALLS, QUICK_CALLS = 2_000, 100
"""Most calls of one loop."""
BUDGET_S, QUICK_BUDGET_S = 0.5, 0.01
"""Seconds one loop of one method on one case may take."""
LIMIT_S, QUICK_LIMIT_S = 5.0, 0.5
"""Seconds one call may take."""
SCENARIOS, QUICK_SCENARIOS = 1_000, 100
"""Scenarios of a batch."""


def add_command(parts: Commands) -> None:
    """Add `autonomy benchmark projection` to what can be measured."""
    job = parts.add_parser(
        "projection",
        help="every projection backend, and the elementwise clip, on instances of all sizes",
        description="Time every projection backend on the same instances in one run, hot and taking turns, judge every "
        "answer by its own violation and duality gap, and write results.csv, results.json, results.md and a "
        "picture.",
    )
    job.add_argument("--sizes", metavar="N,…", help=f"prosumers; default: {SIZES}, quick: {QUICK_SIZES}")
    job.add_argument("--regimes", metavar="NAME,…", help="slack, export-bound, import-bound, shed; default: all")
    job.add_argument("--topology", metavar="NAME,…", help="feeder, tree, nested; default: all, quick: feeder")
    job.add_argument("--backends", metavar="NAME,…", help="methods to compare; default: all that are installed")
    job.add_argument("--time-limit", metavar="S", type=float, help=f"seconds a solve may take; default: {LIMIT_S:g}")
    job.add_argument("--repeats", metavar="N", type=int, help=f"most calls of a loop; default: {CALLS}")
    job.add_argument("--seed", metavar="N", type=int, default=0, help="of the instances; default: 0")
    job.add_argument("--quick", action="store_true", help="a small run of a few seconds, for a first look")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.set_defaults(carry_out=projection_command)


def projection_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy benchmark projection`; see `add_command` for the options."""
    from autonomy.benchmark.methods import EXACT, methods  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.projection import Results, Run  # noqa: PLC0415
    from autonomy.benchmark.write import CSV_NAME, FILES  # noqa: PLC0415
    from autonomy.solvers.backends import BACKENDS  # noqa: PLC0415

    settings = _settings(options)
    known = methods(settings.time_limit_s)
    chosen = words_of("--backends", options.backends, known) if options.backends is not None else tuple(known)
    require_writable(options.out, FILES, CSV_NAME)
    console, scenarios = table_console(), QUICK_SCENARIOS if options.quick else SCENARIOS
    with console.status("measuring memory bandwidth"):
        machine = measured_machine(quick=options.quick)
    run = Run([known[name] for name in chosen], settings, BACKENDS[EXACT], machine)
    with tempfile.TemporaryDirectory(prefix=".autonomy-benchmark-", dir=options.out.resolve().parent) as staging:
        rows = _measure(run, settings, machine, scenarios=scenarios if EXACT in chosen else 0)
        results = Results(
            command=command_line(words),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            version=autonomy.__version__,
            machine=machine,
            settings=settings,
            rows=tuple(rows),
        )
        _publish(results, Path(staging), options.out)
    _print(results, console, options.out)
    return EXIT_UNSAFE if results.unsafe else EXIT_OK


def _settings(options: argparse.Namespace) -> Settings:
    from autonomy.benchmark.instances import REGIMES  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.projection import Settings  # noqa: PLC0415
    from autonomy.benchmark.topologies import TOPOLOGIES  # noqa: PLC0415

    quick = options.quick
    sizes = options.sizes if options.sizes is not None else QUICK_SIZES if quick else SIZES
    topologies = "feeder" if quick else ",".join(TOPOLOGIES)
    limit_s = (QUICK_LIMIT_S if quick else LIMIT_S) if options.time_limit is None else options.time_limit
    require_at_least("--time-limit", limit_s, 0, strictly=True)
    require_at_least("--seed", options.seed, 0)
    return Settings(
        sizes=sizes_of("--sizes", sizes),
        regimes=words_of("--regimes", options.regimes, REGIMES) if options.regimes is not None else REGIMES,
        topologies=words_of("--topology", topologies if options.topology is None else options.topology, TOPOLOGIES),
        seed=options.seed,
        calls=repeats_of(options, CALLS, QUICK_CALLS),
        budget_s=QUICK_BUDGET_S if quick else BUDGET_S,
        time_limit_s=limit_s,
    )


def _measure(run: Run, settings: Settings, machine: Machine, *, scenarios: int) -> list[Row]:
    from autonomy.benchmark.batch import N, batch_row  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.instances import Case, NoInstanceError  # noqa: PLC0415
    from autonomy.benchmark.methods import EXACT  # noqa: PLC0415
    from autonomy.solvers.backends import BACKENDS  # noqa: PLC0415

    cases = list(settings.cases())
    batches = [
        Case(topology=topology, regime=regime, n=N, seed=settings.seed)
        for topology in settings.topologies
        for regime in settings.regimes
        if scenarios and N in settings.sizes
    ]
    rows: list[Row] = []
    with progress_bar() as bar:
        task = bar.add_task("loading solvers", total=len(cases) + len(batches))
        run.warm_up()
        for case in cases:
            label = f"{case.topology}, {case.regime}, N = {case.n:,}"

            def progress(method: str, label: str = label) -> None:
                bar.update(task, description=f"{label}: {method}")

            rows += run.measure(case, progress)
            bar.advance(task)
        for case in batches:
            bar.update(task, description=f"{case.topology}, {case.regime}: {scenarios:,} scenarios at once")
            with suppress(NoInstanceError):  # then the exact backend's own rows say why
                rows.append(batch_row(case, scenarios, BACKENDS[EXACT], machine))
            bar.advance(task)
    return rows


def _publish(results: Results, staging: Path, out: Path) -> None:
    """Write all files and move them to `out` in one go, replacing an earlier benchmark."""
    from autonomy.benchmark.picture import draw  # noqa: PLC0415 - loads matplotlib
    from autonomy.benchmark.render import markdown  # noqa: PLC0415
    from autonomy.benchmark.row import SCHEMA  # noqa: PLC0415
    from autonomy.benchmark.table import tables  # noqa: PLC0415
    from autonomy.benchmark.write import TABLES_NAME, write_rows  # noqa: PLC0415

    finished = staging / "finished"
    finished.mkdir()
    about = {name: value for name, value in asdict(results).items() if name != "rows"}
    write_rows(finished, SCHEMA, results.rows, about)
    page = markdown(tables(results), results.machine, results.command)
    (finished / TABLES_NAME).write_text(page, encoding="utf-8")
    draw(results, finished)
    publish(finished, out, staging)


def _print(results: Results, console: Console, out: Path) -> None:
    from autonomy.benchmark.render import rich_table, sentence  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.table import tables  # noqa: PLC0415

    for table in tables(results):
        console.print(rich_table(table))
    console.print(Text(sentence(results.machine)))
    for row in results.unsafe:
        said = f"{row.method} on {row.topology}, {row.regime}, N = {row.n:,}: {row.right} of {row.judged} answers right"
        console.print(Text(f"{said} ({row.violation_kw:.1e} kW, gap {row.gap:.1e}) {row.message}", style="bold red"))
    console.print(Text.assemble("results: ", (str(out), "bold")), soft_wrap=True)

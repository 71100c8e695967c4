"""`autonomy faults`: the fault-injection matrix; exit code 2 when our controller broke a rule of the true state."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

import autonomy
from autonomy.cli.arguments import EXIT_OK, EXIT_UNSAFE, Commands, command_line, require_at_least, words_of
from autonomy.cli.folder import publish, require_writable
from autonomy.errors import ConfigError

if TYPE_CHECKING:
    from autonomy.benchmark.table import Table
    from autonomy.faults.matrix import Settings
    from autonomy.faults.result import Result

OUT = "autonomy-faults"
RUNS, QUICK_RUNS = 5, 1
TERMINAL = 150
"""Columns of the tables where the terminal does not say how wide it is."""
SHOWN = 20
"""Blind spots that are printed; all of them are in the folder."""


def add_command(commands: Commands) -> None:
    """Add `autonomy faults` to the command line."""
    job = commands.add_parser(
        "faults",
        help="inject faults and count what they do to the true physical state",
        description="Inject every fault of the catalogue into windows of the demo community's held-out weeks, under "
        "our controller, a clip-only filter and others, and count violations of the true physical state, what was "
        "found, and what it cost. Takes some seven minutes on a core of its own; --quick takes half a minute.",
    )
    job.add_argument(
        "--controller",
        metavar="FILE.py:FUNCTION",
        action="append",
        dest="controllers",
        default=[],
        help="score this one too: function(community) returns an object with step(obs); may be repeated",
    )
    job.add_argument("--channels", metavar="LIST", help="where faults sit, as in demand,soc; default: everywhere")
    job.add_argument("--kinds", metavar="LIST", help="what they do, as in nan,bias; default: everything")
    job.add_argument("--severities", metavar="LIST", help="small, medium, large; default: all, medium with --quick")
    job.add_argument("--phases", metavar="LIST", help="when, as in night,pv-peak; default: all four")
    job.add_argument("--weeks", choices=("held-out", "training"), default="held-out", help="default: held-out")
    job.add_argument(
        "--scenario", metavar="NAME", default="", help="in the week of a named scenario, such as heat-wave"
    )
    job.add_argument(
        "--runs", metavar="N", type=int, help=f"windows a phase; default: {RUNS}, {QUICK_RUNS} with --quick"
    )
    job.add_argument("--seed", metavar="N", type=int, default=0, help="of windows, victims and noise; default: 0")
    job.add_argument(
        "--policy", metavar="NAME|PATH", default="self-consumption", help="under every controller that takes one"
    )
    job.add_argument("--quick", action="store_true", help="one severity, one window a phase")
    job.add_argument("--jobs", metavar="N", type=int, default=1, help="processes; default: 1")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.set_defaults(carry_out=faults_command)


def faults_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy faults`; see `add_command` for the options."""
    from autonomy.benchmark.render import rich_table  # noqa: PLC0415 - only when needed
    from autonomy.faults.matrix import OURS  # noqa: PLC0415
    from autonomy.faults.table import tables  # noqa: PLC0415
    from autonomy.faults.write import FILES, MARK, write  # noqa: PLC0415

    settings = _settings(options)
    require_writable(options.out, FILES, MARK)
    results, names = _run(settings, options.jobs)
    found, command = tables(results, names), command_line(words)
    with tempfile.TemporaryDirectory(prefix=".autonomy-faults-", dir=options.out.resolve().parent) as staging:
        finished = Path(staging) / "finished"
        finished.mkdir()
        date = datetime.now(UTC).isoformat(timespec="seconds")
        about = {"command": command, "date": date, "version": autonomy.__version__, "settings": asdict(settings)}
        write(finished, results, names, found, about)
        publish(finished, options.out, Path(staging))
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, TERMINAL))
    for table in found:
        console.print(rich_table(_short(table)))
    ours = [result for result in results if result.controller == OURS]
    broken = sum(result.violations > 0 for result in ours)
    text = f"{OURS}: {broken} of {len(ours)} runs broke a rule of the true physical state"
    console.print(Text(text, style="bold red" if broken else "bold green"))
    console.print(Text.assemble("results: ", (str(options.out), "bold")), soft_wrap=True)
    return EXIT_UNSAFE if broken else EXIT_OK


def _settings(options: argparse.Namespace) -> Settings:
    from autonomy.faults.matrix import Settings  # noqa: PLC0415 - only when needed
    from autonomy.faults.words import Channel, Kind, Phase, Severity  # noqa: PLC0415

    runs = options.runs if options.runs is not None else QUICK_RUNS if options.quick else RUNS
    require_at_least("--runs", runs, 1)
    require_at_least("--seed", options.seed, 0)
    require_at_least("--jobs", options.jobs, 1)
    severities = options.severities or ("medium" if options.quick else ",".join(Severity))

    def chosen(option: str, text: str | None, words: type[StrEnum]) -> tuple[str, ...]:
        known = [word.value for word in words]
        return tuple(known) if text is None else words_of(option, text, known)

    settings = Settings(
        channels=tuple(map(Channel, chosen("--channels", options.channels, Channel))),
        kinds=tuple(map(Kind, chosen("--kinds", options.kinds, Kind))),
        severities=tuple(map(Severity, chosen("--severities", severities, Severity))),
        phases=tuple(map(Phase, chosen("--phases", options.phases, Phase))),
        runs=runs,
        seed=options.seed,
        policy=options.policy,
        controllers=tuple(options.controllers),
        held_out=options.weeks == "held-out",
        scenario=options.scenario,
    )
    if not settings.entries:
        raise ConfigError("--kinds", "", f"none of {options.kinds} happens on {options.channels}; see docs/faults.md")
    return settings


def _run(settings: Settings, jobs: int) -> tuple[list[Result], tuple[str, ...]]:
    from autonomy.faults.matrix import run_matrix  # noqa: PLC0415 - only when needed

    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("setting up", total=len(settings.entries))

        def progress(label: str) -> None:
            bar.update(task, advance=1, description=label)

        return run_matrix(settings, jobs=jobs, progress=progress)


def _short(table: Table) -> Table:
    """Return a table with as many rows as a terminal should show, if it is the one of the blind spots."""
    from dataclasses import replace  # noqa: PLC0415

    if not table.title.startswith("Blind spots") or len(table.rows) <= SHOWN:
        return table
    return replace(table, rows=table.rows[:SHOWN], note=f"{table.note} The first {SHOWN}; all are in results.md.")

"""`autonomy benchmark dispatch`: policies on many weeks and communities against the optimum; 2 if a limit broke."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

import autonomy
from autonomy.cli.arguments import EXIT_OK, EXIT_UNSAFE, Commands, command_line, require_at_least, words_of
from autonomy.cli.benchmark.console import progress_bar, table_console
from autonomy.cli.benchmark.machine import measured_machine
from autonomy.cli.folder import require_writable
from autonomy.errors import ConfigError
from autonomy.forecasting import KINDS
from autonomy.policies import load_policy

if TYPE_CHECKING:
    from autonomy.benchmark.dispatch.case import Sweep
    from autonomy.benchmark.dispatch.row import DispatchRow
    from autonomy.benchmark.machine import Machine

OUT = "autonomy-dispatch"
POLICIES, QUICK_POLICIES = "self-consumption,time-of-use,mpc", "self-consumption,mpc"
FORECASTS, QUICK_FORECASTS = "perfect,weather,7-day-mean,intraday", "perfect,7-day-mean"
QUICK_COMMUNITIES = "four,demo"
RIVAL = "self-consumption"
WEEKS, QUICK_WEEKS = 13, 2
HOURS, QUICK_HOURS = 168, 24
LIMIT_S = 300.0
WORKERS = 2
CASES_NAME, PARQUET_NAME = "cases.jsonl", "results.parquet"


def add_command(parts: Commands) -> None:
    """Add `autonomy benchmark dispatch` to what can be measured."""
    job = parts.add_parser(
        "dispatch",
        help="policies on held-out weeks of many communities: share of the achievable saving, with intervals",
        description="Play policies x communities x held-out weeks x forecasts x seeds, state each policy's share of "
        "the achievable saving with a paired bootstrap interval, split its loss, and price its safety. A sweep that "
        "is broken off goes on when the same command is given again.",
    )
    job.add_argument("--policies", metavar="NAME,…", help=f"names or paths as for run; default: {POLICIES}")
    job.add_argument("--forecasts", metavar="NAME,…", help=f"default: {FORECASTS}")
    job.add_argument("--communities", metavar="NAME,…", help="or all; default: demo")
    job.add_argument("--weeks", metavar="N", type=int, help=f"held-out weeks, from the first; default: {WEEKS}")
    seeded = "of forecasts that draw something, and of policies with {seed} in their path; default: 1"
    job.add_argument("--seeds", metavar="N", type=int, default=1, help=seeded)
    job.add_argument("--rival", metavar="NAME", help=f"policy to compare the others with; default: {RIVAL}")
    job.add_argument("--no-unshielded", action="store_true", help="leave out the loss split and the price of safety")
    job.add_argument(
        "--time-limit", metavar="S", type=float, default=LIMIT_S, help=f"of a case; default: {LIMIT_S:g} s"
    )
    job.add_argument("--processes", metavar="N", type=int, default=WORKERS, help=f"default: {WORKERS}")
    job.add_argument("--ray", metavar="ADDRESS", help="play on a Ray cluster; local: on one started on this machine")
    job.add_argument("--quick", action="store_true", help="the first day of two weeks, for a first look")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.set_defaults(carry_out=dispatch_command)


def dispatch_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy benchmark dispatch`; see `add_command` for the options."""
    from autonomy.benchmark.dispatch.run import Labour, run_sweep  # noqa: PLC0415 - only when needed

    sweep = _sweep(options)
    require_at_least("--time-limit", options.time_limit, 0, strictly=True)
    require_at_least("--processes", options.processes, 1)
    labour = Labour(time_limit_s=options.time_limit, workers=options.processes, ray=options.ray)
    require_writable(options.out, _files(), CASES_NAME)
    options.out.mkdir(exist_ok=True)
    (options.out / CASES_NAME).touch()
    console = table_console()
    with console.status("measuring memory bandwidth"):
        machine = measured_machine(quick=True)
    with progress_bar() as bar:
        task = bar.add_task("starting", total=len(sweep.cases()))

        def progress(row: DispatchRow) -> None:
            bar.update(task, advance=1, description=f"{row.community}: {row.policy} {row.forecast}")

        rows = run_sweep(sweep, labour, options.out / CASES_NAME, progress=progress)
    about = {
        "command": command_line(words),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": autonomy.__version__,
        "machine": asdict(machine),
        "rival": options.rival or RIVAL,
        "settings": {**asdict(sweep), **asdict(labour)},
    }
    _leave(options.out, console, rows, about, machine)
    return EXIT_UNSAFE if any(row.violations and row.execution != "unshielded" for row in rows) else EXIT_OK


def _sweep(options: argparse.Namespace) -> Sweep:
    from autonomy.benchmark.dispatch.case import Sweep  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.dispatch.communities import COMMUNITIES  # noqa: PLC0415

    quick = options.quick
    require_at_least("--seeds", options.seeds, 1)
    policies = _policies(options.policies or (QUICK_POLICIES if quick else POLICIES), options.seeds)
    if options.rival not in (None, *policies):
        raise ConfigError("--rival", "", f"found {options.rival!r}; expected one of {', '.join(policies)}")
    chosen = options.communities or (QUICK_COMMUNITIES if quick else "demo")
    weeks = (QUICK_WEEKS if quick else WEEKS) if options.weeks is None else options.weeks
    if not 1 <= weeks <= WEEKS:
        raise ConfigError("--weeks", "", f"found {weeks}; expected 1 to {WEEKS}, as many as are held out")
    return Sweep(
        policies=policies,
        communities=tuple(COMMUNITIES) if chosen == "all" else words_of("--communities", chosen, COMMUNITIES),
        forecasts=words_of("--forecasts", options.forecasts or (QUICK_FORECASTS if quick else FORECASTS), KINDS),
        weeks=weeks,
        seeds=options.seeds,
        hours=QUICK_HOURS if quick else HOURS,
        unshielded=not options.no_unshielded,
    )


def _policies(text: str, seeds: int) -> tuple[str, ...]:
    """Return names and paths, each of which can be loaded: a wrong one costs no minutes."""
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not names:
        raise ConfigError("--policies", "", f"is empty; expected names, as in {POLICIES}")
    from autonomy.benchmark.dispatch.case import SEED  # noqa: PLC0415 - only when needed

    for name in names:
        for seed in range(seeds if SEED in name else 1):
            load_policy(name.replace(SEED, str(seed)))
    return names


def _files() -> set[str]:
    from autonomy.benchmark.dispatch.page import PAGE_NAME  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.dispatch.picture import PARETO_NAME, SHARES_NAME  # noqa: PLC0415
    from autonomy.benchmark.write import CSV_NAME, JSON_NAME, TABLES_NAME  # noqa: PLC0415

    pictures = {f"{name}.{kind}" for name in (SHARES_NAME, PARETO_NAME) for kind in ("svg", "png")}
    return {CASES_NAME, PARQUET_NAME, CSV_NAME, JSON_NAME, TABLES_NAME, PAGE_NAME, *pictures}


def _leave(out: Path, console: Console, rows: Sequence[DispatchRow], about: dict[str, Any], machine: Machine) -> None:
    """Write everything but the cases, which are there, and print the tables."""
    from autonomy.benchmark.dispatch.page import PAGE_NAME, page  # noqa: PLC0415
    from autonomy.benchmark.dispatch.picture import draw  # noqa: PLC0415 - loads matplotlib
    from autonomy.benchmark.dispatch.row import SCHEMA  # noqa: PLC0415
    from autonomy.benchmark.dispatch.summary import losses, summaries  # noqa: PLC0415
    from autonomy.benchmark.dispatch.table import dispatch_tables  # noqa: PLC0415
    from autonomy.benchmark.render import markdown, rich_table  # noqa: PLC0415
    from autonomy.benchmark.write import TABLES_NAME, write_rows  # noqa: PLC0415

    rival = about["rival"]
    found, lost = summaries(rows, rival), losses(rows)
    tables = dispatch_tables(rows, found, lost, rival)
    write_rows(out, SCHEMA, rows, about)
    _write_parquet(out / PARQUET_NAME, rows)
    (out / TABLES_NAME).write_text(markdown(tables, machine, about["command"]), encoding="utf-8")
    text = page(rows, found, lost, draw(found, out), about, machine)
    (out / PAGE_NAME).write_text(text, encoding="utf-8")
    for table in tables:
        console.print(rich_table(table))
    console.print(Text.assemble("results: ", (str(out / PAGE_NAME), "bold")), soft_wrap=True)


def _write_parquet(path: Path, rows: Sequence[DispatchRow]) -> None:
    """Write the rows as Parquet where pyarrow is installed; an older file is not left beside newer rows."""
    path.unlink(missing_ok=True)
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        return
    pq.write_table(pa.Table.from_pylist([{**asdict(row), "outcome": str(row.outcome)} for row in rows]), path)

"""`autonomy train` with several seeds or values of a setting: trainings, and their scores compared."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from autonomy.cli.arguments import EXIT_OK
from autonomy.cli.benchmark.console import progress_bar, table_console
from autonomy.cli.folder import require_writable
from autonomy.cli.train import published, teller
from autonomy.learning.sweep import TABLE, Result, Training, here, means, write_table
from autonomy.learning.sweep_ray import ray_cluster
from autonomy.learning.unfinished import unfinished


def sweep_command(sweep: Sequence[Training], options: argparse.Namespace) -> int:
    """Train all; what is finished is kept when the sweep is broken off."""
    out, labels = options.out, [training.label for training in sweep]
    require_writable(out, {TABLE, *labels}, TABLE)
    part = unfinished(out)
    if not options.resume:
        shutil.rmtree(part, ignore_errors=True)
    part.mkdir(exist_ok=True)
    results = _carried_out(sweep, options)
    results.sort(key=lambda result: labels.index(result.training.label))
    write_table(results, part)
    published(out)
    console = table_console()
    console.print(_table(results))
    console.print(Text.assemble("weights: ", (str(out), "bold")), soft_wrap=True)
    return EXIT_OK


def _carried_out(sweep: Sequence[Training], options: argparse.Namespace) -> list[Result]:
    part, results = unfinished(options.out), []
    with progress_bar() as bar:
        task = bar.add_task("trainings", total=len(sweep))
        beside = bar.add_task("", total=None, visible=options.ray is None)
        trained = (
            here(sweep, part, teller(lambda **told: bar.update(beside, **told)))
            if options.ray is None
            else ray_cluster(sweep, part, address=options.ray, workers=options.processes)
        )
        for result in trained:
            results.append(result)
            bar.update(task, advance=1, description=f"{result.training.label}: {100.0 * result.score:.2f} %")
    return results


def _table(results: Sequence[Result]) -> Table:
    table = Table("setting", "seeds", "validated share", title="best first; the deviation is that of one seed")
    for name, (mean, deviation, count) in means(results).items():
        table.add_row(name or "as it is", str(count), f"{100.0 * mean:.2f} % ± {100.0 * deviation:.2f}")
    return table

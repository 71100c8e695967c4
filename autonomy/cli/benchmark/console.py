"""Where a benchmark prints its tables and its progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

CaseT = TypeVar("CaseT")
RowT = TypeVar("RowT")
TERMINAL = 120
"""Columns of the tables where the terminal does not say how wide it is."""


def table_console() -> Console:
    """The standard output, wide enough for the tables."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, TERMINAL))


def progress_bar() -> Progress:
    """A bar on the standard error, gone when done."""
    columns = (TextColumn("{task.description:<50}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def rows_of(
    cases: Iterable[CaseT],
    measure: Callable[[CaseT, Callable[[str], None]], Iterable[RowT]],
    label: Callable[[CaseT], str],
) -> list[RowT]:
    """Return the rows of every case, under a bar that names the case and the method that is measured."""
    every, rows = list(cases), list[RowT]()
    with progress_bar() as bar:
        task = bar.add_task("", total=len(every))
        for case in every:

            def progress(method: str, name: str = label(case)) -> None:
                bar.update(task, description=f"{name}: {method}")

            rows += measure(case, progress)
            bar.advance(task)
    return rows

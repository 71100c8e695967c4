"""Where a benchmark prints its tables and its progress."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

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

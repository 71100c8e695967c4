"""Tables on a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

from autonomy.benchmark.machine import Machine
from autonomy.benchmark.table import Table
from autonomy.report.quantity import duration


def rich_table(table: Table) -> Group:
    """Return a table for a terminal, its title above and its note below."""
    shown = RichTable(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1),
    )
    for position, name in enumerate(table.head):
        shown.add_column(name, justify="right" if position else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*(Text(cell) for cell in row))
    return Group(Text(table.title, style="bold"), shown, Text(table.note, style="dim"), "")


def markdown(tables: Sequence[Table], machine: Machine, command: str) -> str:
    """Return all tables as a page."""
    parts = [f"`{command}`\n\n{sentence(machine)}\n"]
    for table in tables:
        lines = [_line(table.head), _line(["---", *["---:"] * (len(table.head) - 1)]), *map(_line, table.rows)]
        parts.append("\n".join([f"### {table.title}\n", table.note, "", *lines]) + "\n")
    return "\n".join(parts)


def sentence(machine: Machine) -> str:
    """Return the machine in a sentence."""
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    return (
        f"{machine.processor}, {machine.cores} cores, {machine.memory_bytes / 2**30:.0f} GiB, {machine.system}, "
        f"{machine.python}; {versions}; triad bandwidth {machine.triad_bytes_per_s / 1e9:.1f} GB/s on one thread; "
        f"reading the clock takes {duration(machine.clock_overhead_s)}, which is subtracted."
    )


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

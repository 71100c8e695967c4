"""The tables of an explanation: which inputs mattered, and what each day came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.explanation.explanation import Attribution, Explanation
from autonomy.report.quantity import MISSING, percent, quantity


class Table(NamedTuple):
    """A table of text.

    Attributes:
        title: What is in it.
        head: Name of each column; the first column is text, the others are numbers.
        rows: As many texts each as `head`.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(explanation: Explanation) -> tuple[Table, ...]:
    """Return all tables of an explanation."""
    found = explanation.attribution
    return (*(() if found is None else (by_group(explanation, found),)), by_day(explanation))


def by_group(explanation: Explanation, found: Attribution) -> Table:
    """Return what each group of inputs added, the most important first."""
    is_there = ~np.isnan(found.baseline_kw)
    kw, time = found.kw[is_there], explanation.time[is_there]
    sizes = np.abs(kw).mean(axis=0) if len(kw) else np.zeros(len(found.groups))
    total = float(sizes.sum())
    rows = []
    for place in np.argsort(-sizes, kind="stable").tolist():
        largest = int(np.argmax(np.abs(kw[:, place]))) if len(kw) else None
        rows.append(
            (
                found.groups[place],
                quantity(float(sizes[place]), 1),
                percent(float(sizes[place]) / total) if total > 0 else MISSING,
                MISSING if largest is None else quantity(float(kw[largest, place]), 1),
                MISSING if largest is None else str(np.datetime_as_string(time[largest], unit="m")).replace("T", " "),
            )
        )
    head = ("input", "mean size, kW", "share of all", "largest, kW", "when")
    return Table("Which inputs mattered", head, tuple(rows))


def by_day(explanation: Explanation) -> Table:
    """Return what was wanted, changed and saved on each day."""
    e, days = explanation, explanation.time.astype("datetime64[D]")
    wanted, best = np.nan_to_num(e.wanted_kw), e.optimum
    rows = []
    for day in np.unique(days):
        here = days == day

        def energy(kw: Vector, here: Vector = here) -> str:
            return quantity(float(kw[here].sum()) * e.timestep_h, 1)

        known = MISSING if best is None else quantity(float((e.grid_only.step_cost - best.step_cost)[here].sum()))
        rows.append(
            (
                str(day),
                energy(np.maximum(wanted, 0.0)),
                energy(np.maximum(-wanted, 0.0)),
                energy(np.nan_to_num(e.moved_kw)),
                energy(e.curtailed_kw + e.shed_kw),
                quantity(float(e.saved[here].sum())),
                known,
            )
        )
    energies = "wanted charge, kWh", "wanted discharge, kWh", "moved, kWh", "cut, kWh"
    head = ("day", *energies, f"saved, {e.currency}", f"optimum saves, {e.currency}")
    return Table("Day by day", head, tuple(rows))


def markdown(table: Table) -> str:
    """Return a table for a page."""
    rule = ("---", *["---:"] * (len(table.head) - 1))
    return "\n".join(_line(cells) for cells in (table.head, rule, *table.rows))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

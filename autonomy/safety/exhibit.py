"""What stands under a claim as evidence: tables, bars and curves, as data; how they look is the renderers' business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table.

    Attributes:
        title: What it shows.
        head: Names of the columns, units included.
        rows: As many cells each; numbers stay numbers.
        note: A sentence below it.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        rows = [list(row) for row in self.rows]
        return {"kind": "table", "title": self.title, "head": list(self.head), "rows": rows, "note": self.note}


@dataclass(frozen=True, kw_only=True, slots=True)
class Bars:
    """One bar a label, from 0.

    Attributes:
        title: What it shows.
        unit: Unit of the values.
        bars: (label, value >= 0), in their order.
        note: A sentence below it.
    """

    title: str
    unit: str
    bars: tuple[tuple[str, float], ...]
    note: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        bars = [list(bar) for bar in self.bars]
        return {"kind": "bars", "title": self.title, "unit": self.unit, "bars": bars, "note": self.note}


@dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    """Curves over a common axis, and limits as straight lines.

    Attributes:
        title: What they show.
        across: Name of the horizontal axis, with its unit.
        up: Name of the vertical one.
        curves: (name, ((x, y), ...)), x rising.
        limits: (name, y).
        is_stepped: Whether a value holds until the next point.
        note: A sentence below it.
    """

    title: str
    across: str
    up: str
    curves: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
    limits: tuple[tuple[str, float], ...] = ()
    is_stepped: bool = False
    note: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "kind": "curves",
            "title": self.title,
            "across": self.across,
            "up": self.up,
            "curves": [[name, [list(point) for point in points]] for name, points in self.curves],
            "limits": [list(limit) for limit in self.limits],
            "is_stepped": self.is_stepped,
            "note": self.note,
        }


Exhibit: TypeAlias = Table | Bars | Curves


def exhibit_of(document: Mapping[str, Any]) -> Exhibit:
    """Return the exhibit that `document` wrote.

    Raises:
        ValueError: it is of no kind that there is.
    """
    said = {name: value for name, value in document.items() if name != "kind"}
    if document["kind"] == "table":
        return Table(**{**said, "head": tuple(said["head"]), "rows": _tuples(said["rows"])})
    if document["kind"] == "bars":
        return Bars(**{**said, "bars": _tuples(said["bars"])})
    if document["kind"] == "curves":
        curves = tuple((name, _tuples(points)) for name, points in said["curves"])
        return Curves(**{**said, "curves": curves, "limits": _tuples(said["limits"])})
    raise ValueError(f"an exhibit is of the kind {document['kind']!r}; expected table, bars or curves")


def _tuples(rows: Any) -> tuple[Any, ...]:
    return tuple(tuple(row) for row in rows)

"""The files of an explanation: a picture, a page, and all its numbers as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from autonomy.learning.explanation.explanation import Explanation
from autonomy.learning.explanation.picture import NAME, draw
from autonomy.learning.explanation.sentences import largest_gains, largest_interventions, reading, summary
from autonomy.learning.explanation.table import markdown, tables

PAGE, NUMBERS = f"{NAME}.md", f"{NAME}.json"
FILES = (PAGE, NUMBERS, f"{NAME}.svg", f"{NAME}.png")
SCHEMA, SCHEMA_VERSION = "autonomy-stack/explanation", 1


def write(explanation: Explanation, folder: Path, about: Mapping[str, str]) -> None:
    """Write all files.

    Args:
        explanation: What is told.
        folder: Where to; it is there.
        about: Command, version and the like, told at the top.
    """
    draw(explanation, folder)
    (folder / PAGE).write_text(page(explanation, about), encoding="utf-8")
    form = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    (folder / NUMBERS).write_bytes(orjson.dumps(numbers(explanation, about), option=form))


def page(explanation: Explanation, about: Mapping[str, str]) -> str:
    """Return the explanation in Markdown."""
    e = explanation
    weights = f", {e.weights}" if e.weights else ""
    parts = [
        f"# {e.title}: what {e.policy} wanted",
        "\n".join(f"- {name}: `{value}`" for name, value in about.items()),
        f"Forecast: {e.forecast}. Policy: {e.policy}{weights}.",
        summary(e),
        f"![The picture of the explanation]({NAME}.svg)",
        "## Largest interventions",
        _list(largest_interventions(e)) or "Nothing was changed.",
        "## Largest savings",
        _list(largest_gains(e)) or "Nothing was saved in any step.",
    ]
    for table in tables(e):
        parts += [f"## {table.title}", markdown(table)]
    return "\n\n".join([*parts, reading(e)]) + "\n"


def numbers(explanation: Explanation, about: Mapping[str, str]) -> dict[str, Any]:
    """Return all numbers as plain types; None stands for what is not there."""
    sentences = {
        "summary": summary(explanation),
        "largest_interventions": list(largest_interventions(explanation)),
        "largest_gains": list(largest_gains(explanation)),
        "reading": reading(explanation),
    }
    return {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **about, **sentences, **_plain(explanation)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "M":
            return np.datetime_as_string(value, unit="m").tolist()
        return [_plain(item) for item in value.tolist()]
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _list(sentences: tuple[str, ...]) -> str:
    return "\n".join(f"- {text}" for text in sentences)

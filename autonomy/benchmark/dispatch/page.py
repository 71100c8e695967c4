"""The dispatch benchmark as one HTML file that needs neither network nor scripts; markup in `page.html.j2`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from autonomy.benchmark.dispatch.case import Execution
from autonomy.benchmark.dispatch.picture import Drawn
from autonomy.benchmark.dispatch.row import DispatchRow
from autonomy.benchmark.dispatch.summary import Loss, Summary
from autonomy.benchmark.dispatch.table import (
    FRONT,
    RULE,
    failure_table,
    front_table,
    loss_table,
    optima_sentence,
    safety_table,
    share_tables,
)
from autonomy.benchmark.machine import Machine
from autonomy.benchmark.render import sentence
from autonomy.benchmark.table import Table
from autonomy.report.quantity import count
from autonomy.report.style import style, templates
from autonomy.rollout import OPTIMUM
from autonomy.run import BASELINE

PAGE_NAME = "report.html"
MARKS = (BASELINE, OPTIMUM)
"""What others are measured by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """A part of the page.

    Attributes:
        name: Its anchor.
        title: Its heading.
        tables: What it holds.
        picture: `<svg>`, or empty.
        caption: Of the picture.
    """

    name: str
    title: str
    tables: tuple[Table, ...]
    picture: Markup | str = ""
    caption: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Whether the shield held.

    Attributes:
        held: Whether every shielded case ran and broke no rule.
        status: The same in three words.
        sentence: On what it was seen.
        basis: What happened without a shield, and what is proved of the optima.
    """

    held: bool
    status: str
    sentence: str
    basis: str


def page(
    rows: Sequence[DispatchRow],
    summaries: Sequence[Summary],
    losses: Sequence[Loss],
    pictures: Drawn,
    about: Mapping[str, Any],
    machine: Machine,
) -> str:
    """Return the page; the same results always give the same text.

    Args:
        rows: Compared rows.
        summaries: Of those rows.
        losses: Of those rows.
        pictures: Of those summaries.
        about: What `results.json` says beside the rows: command, date, version, rival.
        machine: What it ran on.
    """
    chapters = _chapters(rows, summaries, losses, pictures, about["rival"])
    template = templates("autonomy.benchmark.dispatch").get_template("page.html.j2")
    return template.render(
        style=style(),
        about=about,
        finding=finding(rows),
        chapters=chapters,
        scope=_scope(rows),
        rule=RULE,
        machine=sentence(machine),
    )


def finding(rows: Sequence[DispatchRow]) -> Finding:
    """Return whether a rule was broken in a shielded step, by the simulator's invariants."""
    shielded = [row for row in rows if row.execution == Execution.SHIELDED]
    bare = [row for row in rows if row.execution == Execution.UNSHIELDED and row.ran]
    failed = sum(not row.ran for row in shielded)
    broken, steps = (sum(getattr(row, name) for row in shielded if row.ran) for name in ("violations", "steps"))
    held = not broken and not failed and steps > 0
    status = "Every rule held" if held else "A rule was broken" if broken else "Not every case ran"
    parts = [f"{count(broken, 'violation')} in {count(steps, 'step')} with the shield"]
    if failed:
        parts.append(f"{count(failed, 'case')} did not run")
    without = ""
    if bare:
        unsafe, all_steps = (sum(getattr(row, name) for row in bare) for name in ("unsafe_steps", "steps"))
        without = f"Without it a rule was broken in {unsafe:,} of {count(all_steps, 'step')}. "
    return Finding(held=held, status=status, sentence=f"{'; '.join(parts)}.", basis=f"{without}{optima_sentence(rows)}")


def _scope(rows: Sequence[DispatchRow]) -> str:
    policies = {row.policy for row in rows if row.policy not in MARKS}
    communities, weeks = ({getattr(row, name) for row in rows} for name in ("community", "week"))
    return (
        f"{count(len(policies), 'policy', 'policies')}, {count(len(communities), 'community', 'communities')}, "
        f"{count(len(weeks), 'held-out week')}"
    )


def _chapters(
    rows: Sequence[DispatchRow], summaries: Sequence[Summary], losses: Sequence[Loss], drawn: Drawn, rival: str
) -> list[Chapter]:
    loss, safety, failures = loss_table(losses), safety_table(summaries), failure_table(rows)
    chapters = [
        Chapter(
            name="shares",
            title="Share of the achievable saving",
            tables=share_tables(rows, summaries, rival),
            picture=Markup(drawn.shares),  # noqa: S704 - matplotlib escapes text
            caption="Points: all weeks together. Bars: the interval of the bootstrap. Dashed: the optimum; dotted: "
            f"{BASELINE}.",
        ),
        *([] if loss is None else [Chapter(name="losses", title=loss.title, tables=(loss,))]),
        *([] if safety is None else [Chapter(name="safety", title=safety.title, tables=(safety,))]),
        Chapter(
            name="front",
            title="Cost, CO2 and peak",
            tables=(front_table(summaries),),
            picture=Markup(drawn.pareto),  # noqa: S704 - matplotlib escapes text
            caption=f"Filled ({FRONT} in the table): on the front. {BASELINE} is far off, and in the table only.",
        ),
    ]
    return (
        chapters if failures is None else [*chapters, Chapter(name="failed", title=failures.title, tables=(failures,))]
    )

"""The report's sections on learned policies: what each wanted in the week of the figures, and which inputs mattered."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from autonomy.evidence import RunEvidence
from autonomy.learning.explanation.explanation import Explanation
from autonomy.learning.explanation.picture import draw_panels, height_in
from autonomy.learning.explanation.sentences import largest_gains, largest_interventions, reading, summary
from autonomy.learning.explanation.table import Table, tables
from autonomy.report.svg import canvas, fragment


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One policy's explanation, ready for the page.

    Attributes:
        name: Identifier, used as its anchor.
        policy: The policy's name.
        summary: What the week came to.
        svg: The picture, with the summary as its text alternative.
        interventions: A sentence for each of the steps that were changed most.
        gains: A sentence for each of the steps that saved most.
        tables: Inputs and days.
        reading: What the attributions are relative to.
    """

    name: str
    policy: str
    summary: str
    svg: Markup
    interventions: tuple[str, ...]
    gains: tuple[str, ...]
    tables: tuple[Table, ...]
    reading: str


def sections(evidence: RunEvidence) -> tuple[Section, ...]:
    """Return a section for each explanation of a run."""
    return tuple(_section(f"explanation-{place}", one) for place, one in enumerate(evidence.explanations, 1))


def _section(name: str, explanation: Explanation) -> Section:
    said = summary(explanation)
    with canvas(height_in(explanation)) as figure:
        draw_panels(figure, explanation)
        svg = fragment(figure, prefix=name, description=said)
    return Section(
        name=name,
        policy=explanation.policy,
        summary=said,
        svg=Markup(svg),  # noqa: S704 - matplotlib escapes text
        interventions=largest_interventions(explanation),
        gains=largest_gains(explanation),
        tables=tables(explanation),
        reading=reading(explanation),
    )

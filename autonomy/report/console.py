"""A run on a terminal: key figures, in one table where it is wide, else in two that fit 80 columns; and the optima."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text

from autonomy.evidence import RunEvidence
from autonomy.report.columns import COLUMNS
from autonomy.report.optimum import EXACT, optimum_section
from autonomy.report.verdict import verdict
from autonomy.report.week import OPTIMUM

FIGURES = ("cost", "achievable_share", "co2_kg", "peak_import_kw", "traded_kwh", "self_sufficiency")
GUARANTEES = ("violations", "shed_kwh", "interventions", "fallbacks", "latency_p50_s", "latency_p99_s")
POLICY_WIDTH = 18
ONE_TABLE_WIDTH = 150
"""Columns of a terminal from which both tables are shown as one."""


def verdict_line(evidence: RunEvidence) -> Text:
    """Return the verdict, green when every rule held and red when not; the words say it too."""
    judged = verdict(evidence)
    return Text(judged.sentence, style="bold green" if judged.held else "bold red")


def tables(evidence: RunEvidence, width: int) -> tuple[Table, ...]:
    """Return the tables for a terminal of `width` columns."""
    if width >= ONE_TABLE_WIDTH:
        return (_table(evidence, FIGURES + GUARANTEES),)
    return kpi_table(evidence), guarantee_table(evidence)


def optimum_table(evidence: RunEvidence) -> Table | None:
    """Return optimum, bound, gap and verdict of every window; None where there is no optimum."""
    section = optimum_section(evidence)
    if section is None:
        return None
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("window", min_width=10, overflow="fold")
    for name in ("optimum", "bound", "gap"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("proved by", overflow="fold")
    for line in (*section.lines, *(() if section.total is None else (section.total,))):
        gap = f"{line.gap} ({line.proved})" if line.proved else line.gap
        mark = Text(line.verdict, style="" if line.verdict == EXACT else "bold yellow")
        table.add_row(Text(line.label), line.optimum, line.bound, gap, mark, line.proof)
    return table


def kpi_table(evidence: RunEvidence) -> Table:
    """Return cost and energy of every policy."""
    return _table(evidence, FIGURES)


def guarantee_table(evidence: RunEvidence) -> Table:
    """Return what the guarantees cost: violations, shed load, interventions, fallbacks and time per step."""
    return _table(evidence, GUARANTEES)


def _table(evidence: RunEvidence, names: tuple[str, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("policy", min_width=10, max_width=POLICY_WIDTH, overflow="fold", vertical="bottom")
    for name in names:
        column = COLUMNS[name]
        unit = column.shown_unit_in(evidence.currency)
        heading = Text(f"{column.short}\n{unit}" if unit else column.short)
        table.add_column(heading, justify="right", no_wrap=True)
    for policy in evidence.policies:
        kpi = evidence.kpis[policy]
        cells = [Text(COLUMNS[name].text(kpi), style=_style(name, kpi.violations)) for name in names]
        # Text, not markup: a policy's name may hold square brackets.
        table.add_row(Text(policy), *cells, style="dim" if policy == OPTIMUM else "")
    return table


def _style(name: str, violations: int) -> str:
    return "bold red" if name == "violations" and violations else ""

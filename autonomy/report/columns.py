"""The columns of the key-figure tables: label, unit and form of every field of `Kpi`, each once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

from autonomy.evidence import Kpi
from autonomy.report.quantity import duration, percent, quantity

CURRENCY = "currency"
"""Placeholder in `Column.unit`, replaced by the currency of the evidence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One key figure as tables show it.

    Attributes:
        field: Name in `Kpi`.
        label: Heading in the HTML report.
        short: Heading on the console, in lines of at most 10 characters.
        unit: Unit of the stored number; "1" for fractions and counts.
        shown_unit: Unit under the heading; empty where the cell carries it.
        form: Turns the stored number into text.
        meaning: One sentence for readers who do not know the word.
    """

    field: str
    label: str
    short: str
    unit: str
    shown_unit: str
    form: Callable[[float], str]
    meaning: str

    def text(self, kpi: Kpi) -> str:
        """Return the cell of one policy."""
        return self.form(getattr(kpi, self.field))

    def unit_in(self, currency: str) -> str:
        """Return the unit of the stored number, with the currency of the run."""
        return self.unit.replace(CURRENCY, currency)

    def shown_unit_in(self, currency: str) -> str:
        """Return the unit under the heading, with the currency of the run."""
        return self.shown_unit.replace(CURRENCY, currency)


def _one(value: float) -> str:
    return quantity(value, 1)


def _whole(value: float) -> str:
    return f"{int(value):,}".replace("-", "−")


def _column(
    field: str, label: str, short: str, unit: str, form: Callable[[float], str], meaning: str, *, bare: bool = False
) -> Column:
    shown = "" if bare or unit == "1" else unit
    return Column(field=field, label=label, short=short, unit=unit, shown_unit=shown, form=form, meaning=meaning)


COLUMNS: dict[str, Column] = {
    column.field: column
    for column in (
        _column("cost", "Cost", "cost", CURRENCY, quantity, "What the windows cost, terminal value included."),
        _column(
            "achievable_share",
            "Share of achievable saving",
            "saving",
            "1",
            percent,
            "(grid-only cost − cost) / (grid-only cost − optimum).",
        ),
        _column("co2_kg", "CO₂", "CO₂", "kg", _one, "Emissions of the grid imports."),
        _column("peak_import_kw", "Peak import", "peak\nimport", "kW", quantity, "Largest import at the feeder."),
        _column("peak_export_kw", "Peak export", "peak\nexport", "kW", quantity, "Largest export at the feeder."),
        _column("load_factor", "Load factor", "load\nfactor", "1", percent, "Mean import / largest import."),
        _column("traded_kwh", "P2P volume", "traded", "kWh", _one, "Energy sold between prosumers, peer to peer."),
        _column(
            "traded_share",
            "P2P share",
            "P2P\nshare",
            "1",
            percent,
            "Energy bought from neighbours / energy bought at all.",
        ),
        _column(
            "self_sufficiency", "Self-sufficiency", "self-\nsuff.", "1", percent, "1 − grid imports / demand served."
        ),
        _column(
            "self_consumption", "Self-consumption", "self-\ncons.", "1", percent, "1 − grid exports / generation used."
        ),
        _column("shed_kwh", "Load shed", "shed", "kWh", quantity, "Load that was not served."),
        _column("loss_of_load_h", "Loss of load", "loss of\nload", "h", _one, "Hours with load that was not served."),
        _column("curtailed_kwh", "Curtailed", "cur-\ntailed", "kWh", quantity, "Generation that was cut."),
        _column(
            "battery_throughput_kwh",
            "Battery throughput",
            "throughput",
            "kWh",
            _one,
            "Energy through all battery terminals, charge and discharge alike.",
        ),
        _column("battery_cycles", "Battery cycles", "cycles", "1", _one, "Equivalent full cycles of a battery."),
        _column(
            "bill_gini",
            "Gini of bills",
            "Gini,\nbills",
            "1",
            quantity,
            "Inequality of bills, 0 to 1.",
        ),
        _column(
            "saving_gini",
            "Gini of savings",
            "Gini,\nsavings",
            "1",
            quantity,
            "The same of what each saves against its bill under grid-only.",
        ),
        _column("violations", "Violations", "viola-\ntions", "1", _whole, "Broken safety rules on what was executed."),
        _column(
            "interventions",
            "Interventions",
            "inter-\nventions",
            "1",
            _whole,
            "Steps in which the intent was changed by more than a watt.",
        ),
        _column(
            "intervention_kw_mean",
            "Mean intervention",
            "mean\ninterv.",
            "kW",
            quantity,
            "Mean size of the change over those steps.",
        ),
        _column(
            "fallbacks", "Fallbacks", "fall-\nbacks", "1", _whole, "Steps in which the policy was overruled altogether."
        ),
        _column("steps", "Steps", "steps", "1", _whole, "Number of steps."),
        _column(
            "latency_p50_s",
            "Latency, median",
            "p50\ntime",
            "s",
            duration,
            "Time of one controller step, median.",
            bare=True,
        ),
        _column(
            "latency_p99_s",
            "Latency, 99 %",
            "p99\ntime",
            "s",
            duration,
            "Time of one controller step, 99th percentile.",
            bare=True,
        ),
    )
}

MAIN = (
    "cost",
    "achievable_share",
    "co2_kg",
    "peak_import_kw",
    "traded_kwh",
    "self_sufficiency",
    "shed_kwh",
    "curtailed_kwh",
    "violations",
    "interventions",
    "fallbacks",
    "latency_p50_s",
    "latency_p99_s",
)
"""Fields of the first table."""

FURTHER = tuple(item.name for item in fields(Kpi) if item.name != "policy" and item.name not in MAIN)
"""Fields of the second table: everything the first one leaves out."""

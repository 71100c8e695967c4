"""Results of the forecast benchmark as tables of text."""

from __future__ import annotations

from collections.abc import Sequence

from autonomy.benchmark.forecasts.row import ForecastRow
from autonomy.benchmark.table import Table
from autonomy.report.quantity import quantity


def forecast_tables(rows: Sequence[ForecastRow]) -> tuple[Table, ...]:
    """Return one table a quantity and a kind of week."""
    keys = dict.fromkeys((row.quantity, row.weeks) for row in rows)
    return tuple(_table([row for row in rows if (row.quantity, row.weeks) == key]) for key in keys)


def _table(rows: Sequence[ForecastRow]) -> Table:
    first = rows[0]
    leads = sorted({row.lead_h for row in rows})
    body = []
    for name in dict.fromkeys(row.forecast for row in rows):
        mine = {row.lead_h: row for row in rows if row.forecast == name}
        found = [mine[lead] for lead in leads]
        mae = (quantity(row.mae_kw, 3) for row in found)
        nrmse = (quantity(row.nrmse, 2) for row in found)
        covered = (quantity(row.covered, 2) for row in found)
        body.append((name, *mae, *nrmse, quantity(found[0].stated, 2), *covered))
    hours = [f"{lead:g} h" for lead in leads]
    head = ("forecast", *(f"MAE {h}" for h in hours), *(f"nRMSE {h}" for h in hours), "stated")
    return Table(
        title=f"{first.quantity}, {first.weeks} weeks",
        note=f"A prosumer's mean is {quantity(first.mean_kw, 2)} kW over {first.count:,} numbers. MAE in kW, RMSE as a "
        "share of that mean; then the stated and the measured share of the truth between low and high, by lead time.",
        head=(*head, *(f"in {h}" for h in hours)),
        rows=tuple(body),
    )

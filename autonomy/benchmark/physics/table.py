"""Results of the comparison as tables of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autonomy.benchmark.physics.row import ENERGY_KWH, SOLVER_KW, SOLVER_PU, PhysicsRow
from autonomy.benchmark.table import Table
from autonomy.report.quantity import duration, percent, quantity


def physics_tables(rows: Sequence[PhysicsRow]) -> tuple[Table, ...]:
    """Return what differs, what the grid saw, and how far the two programs agree."""
    return (
        _table(
            "Simulator against OpenDSS",
            f"Largest differences over all steps. Stored energy: of any battery, kWh, {ENERGY_KWH:g} allowed. Feeder: "
            "kW; error: the largest stated loss error, kW; beyond: most by which a step's difference is beyond its own "
            f"stated error, kW, {SOLVER_KW:g} allowed for the solvers' residuals. Charged and discharged: kWh of all "
            "batteries together.",
            rows,
            {
                "steps": lambda row: f"{row.steps:,}",
                "charged and discharged": lambda row: quantity(row.throughput_kwh, 0),
                "stored energy": lambda row: _power_of_ten(row.energy_difference_kwh),
                "feeder": lambda row: quantity(row.feeder_difference_kw, 4),
                "error": lambda row: quantity(row.loss_error_kw, 4),
                "beyond": lambda row: _power_of_ten(row.excess_kw),
            },
        ),
        _table(
            "Losses and limits",
            "Losses over the window in kWh, and the largest of any step in kW. Largest flows at the feeder by OpenDSS, "
            "in kW. Beyond limit: most by which a line's flow by OpenDSS, at either end, is beyond its limit, kW; a "
            "negative number is room.",
            rows,
            {
                "lost, model": lambda row: quantity(row.model_loss_kwh, 2),
                "lost, OpenDSS": lambda row: quantity(row.loss_kwh, 2),
                "largest": lambda row: quantity(row.loss_kw, 3),
                "import": lambda row: quantity(row.import_kw, 2),
                "export": lambda row: quantity(row.export_kw, 2),
                "beyond limit": lambda row: quantity(row.over_limit_kw, 5),
            },
        ),
        _table(
            "Voltages and loadings",
            "By OpenDSS, over all buses, lines and steps: voltages per unit, and the largest current over rated "
            "current; beside it the simulator's largest flow over rating.",
            rows,
            {
                "lowest voltage": lambda row: quantity(row.voltage_min_pu, 4),
                "highest voltage": lambda row: quantity(row.voltage_max_pu, 4),
                "loading": lambda row: percent(row.loading),
                "loading, simulator": lambda row: percent(row.model_loading),
            },
        ),
        _table(
            "OpenDSS against power-grid-model",
            f"Largest differences over all steps: voltages per unit and loadings as a fraction, {SOLVER_PU:g} allowed; "
            f"flows at both ends of every line in kW, {SOLVER_KW:g} allowed. Then how long each took, Python included.",
            rows,
            {
                "voltage": lambda row: _power_of_ten(row.programs_voltage_pu),
                "loading": lambda row: _power_of_ten(row.programs_loading),
                "flow": lambda row: _power_of_ten(row.programs_flow_kw),
                "OpenDSS": lambda row: duration(row.opendss_s),
                "power-grid-model": lambda row: duration(row.power_grid_s),
            },
        ),
    )


def _table(title: str, note: str, rows: Sequence[PhysicsRow], columns: dict[str, Callable[[PhysicsRow], str]]) -> Table:
    body = tuple((f"{row.case}, {row.policy}", *(render(row) for render in columns.values())) for row in rows)
    return Table(title=title, note=note, head=("case, policy", *columns), rows=body)


def _power_of_ten(value: float) -> str:
    return f"{value:.0e}"

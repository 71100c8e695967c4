"""The same flows in power-grid-model: all steps in one batch, by Newton and Raphson. It knows no batteries."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.errors import OptionalDependencyError
from autonomy.hosts.flows import Flows, Injections, PowerFlowError
from autonomy.hosts.grid import Grid

TOLERANCE = 1e-11
"""Largest change of a voltage, per unit, in the last iteration."""
ITERATIONS = 50
STIFF_VA = 1e20
"""Short-circuit power of the grid: as good as a fixed voltage."""


def power_grid_flows(grid: Grid, injections: Injections) -> Flows:
    """Return the power flow of T steps.

    Args:
        grid: Network, reactances and ratings.
        injections: T steps of set-points; each prosumer's are added up to one net export.

    Raises:
        OptionalDependencyError: power-grid-model is not installed.
        PowerFlowError: a step has no power flow.
    """
    try:
        import power_grid_model as pgm  # noqa: PLC0415 - optional, and `import autonomy` must stay light
    except ImportError:
        raise OptionalDependencyError("power-grid-model", "hosts") from None

    network = grid.network
    lines, prosumers = network.n_lines, network.n_prosumers
    first_line, first_load, source = lines + 1, 2 * lines + 1, 2 * lines + 1 + prosumers

    def table(kind: Any, size: int, first: int) -> Any:
        rows = pgm.initialize_array(pgm.DatasetType.input, kind, size)
        rows["id"] = first + np.arange(size)
        return rows

    kinds = pgm.ComponentType
    node, line = table(kinds.node, lines + 1, 0), table(kinds.line, lines, first_line)
    node["u_rated"] = network.nominal_voltage_v
    line["from_node"], line["to_node"] = network.parent + 1, np.arange(lines) + 1
    line["from_status"] = line["to_status"] = 1
    line["r1"], line["x1"] = network.resistance_ohm, grid.reactance_ohm
    line["c1"], line["tan1"], line["i_n"] = 0.0, 0.0, grid.rated_current_a
    infeed, load = table(kinds.source, 1, source), table(kinds.sym_load, prosumers, first_load)
    infeed["node"], infeed["status"], infeed["u_ref"], infeed["sk"] = 0, 1, grid.grid_voltage_pu, STIFF_VA
    load["node"], load["status"], load["type"] = network.bus_of_prosumer + 1, 1, pgm.LoadGenType.const_power
    load["p_specified"] = load["q_specified"] = 0.0
    update = pgm.initialize_array(pgm.DatasetType.update, kinds.sym_load, (injections.n_steps, prosumers))
    update["id"] = load["id"]
    update["p_specified"] = -1000.0 * injections.net_export_kw
    update["q_specified"] = -1000.0 * injections.net_export_kvar
    data = {kinds.node: node, kinds.line: line, kinds.source: infeed, kinds.sym_load: load}
    model = pgm.PowerGridModel(data, system_frequency=grid.frequency_hz)
    try:
        found = model.calculate_power_flow(
            update_data={kinds.sym_load: update}, error_tolerance=TOLERANCE, max_iterations=ITERATIONS, threading=-1
        )
    except RuntimeError as fault:  # what all errors of power-grid-model are
        raise PowerFlowError(f"power-grid-model found no power flow: {fault}") from None
    flow: Any = found[kinds.line]
    voltages: Any = found[kinds.node]
    return Flows(
        voltage_pu=voltages["u_pu"][:, 1:],
        loading=flow["loading"],
        downstream_kw=flow["p_to"] / 1000.0,
        upstream_kw=-flow["p_from"] / 1000.0,
        feeder=int(np.argmin(network.parent)),
    )

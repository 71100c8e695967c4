"""The alternating-current power flow of a radial network: in plain loops, and by power-grid-model.

Neither shares a formula with `autonomy.layers.voltage`: the loops sweep complex currents and voltages, not squares.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from autonomy import Network

RURAL = Path(__file__).parent / "data" / "simbench_rural1.json"
FREQUENCY_HZ = 50.0


class Grid(NamedTuple):
    """The SimBench grid as a network with one prosumer a load."""

    network: Network
    reactance_ohm: Any
    capacitance_f: Any
    demand_kw: Any
    demand_kvar: Any
    pv_kw: Any
    profiles: Any
    load_profile: tuple[str, ...]
    pv_profile: tuple[str, ...]


def rural_grid() -> Grid:
    """Return the SimBench grid "rural 1" (tests/data/SOURCES.md); line limits are the ratings."""
    data = json.loads(RURAL.read_text(encoding="utf-8"))
    lines, loads, plants = data["lines"], data["loads"], data["plants"]

    def column(key: str) -> Any:
        return np.array([line[key] for line in lines])

    plant_at = {plant["bus"]: plant for plant in plants}
    assert set(plant_at) <= {load["bus"] for load in loads}
    network = Network(
        parent=column("parent"),
        bus_of_prosumer=np.array([load["bus"] for load in loads]),
        import_limit_kw=column("rating_kva"),
        export_limit_kw=column("rating_kva"),
        resistance_ohm=column("resistance_ohm"),
        nominal_voltage_v=data["nominal_voltage_v"],
    )
    none = {"active_kw": 0.0, "profile": ""}
    return Grid(
        network=network,
        reactance_ohm=column("reactance_ohm"),
        capacitance_f=column("capacitance_f"),
        demand_kw=np.array([load["active_kw"] for load in loads]),
        demand_kvar=np.array([load["reactive_kvar"] for load in loads]),
        pv_kw=np.array([plant_at.get(load["bus"], none)["active_kw"] for load in loads]),
        profiles=data["profiles"],
        load_profile=tuple(load["profile"] for load in loads),
        pv_profile=tuple(plant_at.get(load["bus"], none)["profile"] for load in loads),
    )


def swept_voltages(network: Network, reactance_ohm: Any, net_kw: Any, net_kvar: Any, grid_pu: float = 1.0) -> Any:
    """Return (M,) voltages per unit of a constant-power flow by backward and forward sweeps, or None without one."""
    base = network.nominal_voltage_v
    impedance = network.resistance_ohm + 1j * np.broadcast_to(reactance_ohm, network.resistance_ohm.shape)
    voltage = np.full(network.n_lines, grid_pu * base, dtype=complex)
    outward = sorted(range(network.n_lines), key=lambda line: int(network.depth[line]))
    for _ in range(500):
        current = np.zeros(network.n_lines, dtype=complex)  # towards the prosumers, times the square root of three
        for prosumer, bus in enumerate(network.bus_of_prosumer):
            power = complex(net_kw[prosumer], net_kvar[prosumer]) * 1000.0
            current[bus] -= (power / voltage[bus]).conjugate()
        for line in reversed(outward):
            if network.parent[line] >= 0:
                current[network.parent[line]] += current[line]
        before = voltage.copy()
        for line in outward:
            upstream = voltage[network.parent[line]] if network.parent[line] >= 0 else grid_pu * base
            voltage[line] = upstream - impedance[line] * current[line]
        if not np.abs(voltage).min() > 0.2 * base:
            return None
        if np.abs(voltage - before).max() <= 1e-11 * base:
            return np.abs(voltage) / base
    return None


def model_voltages(grid: Grid, net_kw: Any, net_kvar: Any, *, grid_pu: float = 1.0, shunts: bool = False) -> Any:
    """Return (M,) voltages per unit from power-grid-model; with the lines' capacitance if told so."""
    pgm = pytest.importorskip("power_grid_model")
    network = grid.network
    lines, prosumers, base = network.n_lines, network.n_prosumers, network.nominal_voltage_v

    def table(kind: str, size: int, first: int) -> Any:
        rows = pgm.initialize_array("input", kind, size)
        rows["id"] = first + np.arange(size)
        return rows

    node, line = table("node", lines + 1, 0), table("line", lines, 1000)
    node["u_rated"] = base
    line["from_node"], line["to_node"] = network.parent + 1, np.arange(lines) + 1
    line["from_status"] = line["to_status"] = 1
    line["r1"], line["x1"] = network.resistance_ohm, grid.reactance_ohm
    line["c1"], line["tan1"] = (grid.capacitance_f if shunts else 0.0), 0.0
    source, load = table("source", 1, 2000), table("sym_load", prosumers, 3000)
    source["node"], source["status"], source["u_ref"], source["sk"] = 0, 1, grid_pu, 1e20
    load["node"], load["status"], load["type"] = network.bus_of_prosumer + 1, 1, 0
    load["p_specified"], load["q_specified"] = -1000.0 * net_kw, -1000.0 * net_kvar
    model = pgm.PowerGridModel(
        {"node": node, "line": line, "source": source, "sym_load": load}, system_frequency=FREQUENCY_HZ
    )
    return model.calculate_power_flow(error_tolerance=1e-11, max_iterations=50)["node"]["u_pu"][1:]

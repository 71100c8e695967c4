"""A community on a SimBench low-voltage grid [Meinecke2020]: one prosumer a load, a battery each, a week of profiles.

The two files are extracts that `tests/data` has with their licence and converters; the wheel does not.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autonomy.errors import DataError
from autonomy.hosts.grid import Grid
from autonomy.layers.arrays import Matrix
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.layers.network import Network
from autonomy.scenario import Scenario
from autonomy.series import Series

GRID_NAME, WEEK_NAME = "simbench_rural1.json", "simbench_rural1_week.csv"
TIMESTEP_H = 0.25
RETAIL_PRICE, FEED_IN_PRICE, CARBON_KG_PER_KWH = 0.30, 0.08, 0.4
"""SimBench has no tariffs: round figures of ours, currency/kWh and kg/kWh."""
BATTERY: dict[str, float] = {
    "battery_capacity_kwh": 20.0,
    "charge_limit_kw": 10.0,
    "discharge_limit_kw": 10.0,
    "charge_efficiency": 0.95,
    "discharge_efficiency": 0.95,
    "soc_min": 0.1,
    "soc_max": 0.95,
}
"""Of every prosumer. SimBench's grid of today has none: a choice of ours, large enough to strain the grid."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class SimBench:
    """A community on its grid.

    Attributes:
        community: N prosumers; line limits are the ratings.
        grid: The same network with reactances and ratings.
        scenario: The week.
        demand_kvar: (T, N) kvar that the demand draws according to the profiles, + = inductive.
    """

    community: Community
    grid: Grid
    scenario: Scenario
    demand_kvar: Matrix


def read_simbench(folder: Path) -> SimBench:
    """Read grid and week from a folder.

    Raises:
        DataError: a file is missing, or is not what the converters write.
    """
    source = folder / GRID_NAME
    data = _read(source, json.loads)
    week = folder / WEEK_NAME
    rows: list[dict[str, str]] = _read(week, lambda text: list(csv.DictReader(text.splitlines())))
    try:
        return _community(data, rows)
    except (KeyError, TypeError, ValueError, ModelError) as fault:
        raise DataError(folder, f"{GRID_NAME} and {WEEK_NAME} are not what their converters write: {fault!r}") from None


def _read(path: Path, parse: Any) -> Any:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise DataError(path, f"cannot be read ({fault.strerror}); the repository has it in tests/data") from None
    except ValueError as fault:
        raise DataError(path, f"is not what its converter writes: {fault}") from None


def _community(data: Any, rows: list[dict[str, str]]) -> SimBench:
    lines, loads = data["lines"], data["loads"]
    plants = {plant["bus"]: plant for plant in data["plants"]}
    if not (len(plants) == len(data["plants"]) and set(plants) <= {load["bus"] for load in loads}):
        raise ValueError("a plant without a load at its bus, or two at one bus")

    def of_lines(key: str) -> Any:
        return np.array([line[key] for line in lines])

    network = Network(
        parent=of_lines("parent"),
        bus_of_prosumer=np.array([load["bus"] for load in loads]),
        import_limit_kw=of_lines("rating_kva"),
        export_limit_kw=of_lines("rating_kva"),
        resistance_ohm=of_lines("resistance_ohm"),
        nominal_voltage_v=data["nominal_voltage_v"],
    )
    names = tuple(lines[load["bus"]]["bus"].removeprefix("LV1.101 ").replace(" ", "-").lower() for load in loads)
    community = Community(**BATTERY, network=network, timestep_h=TIMESTEP_H, names=names)  # type: ignore[arg-type]

    def profile(name: str) -> Any:
        return np.array([float(row[name]) for row in rows])

    nothing = np.zeros(len(rows))
    generation = [
        plants[load["bus"]]["active_kw"] * profile(plants[load["bus"]]["profile"]) if load["bus"] in plants else nothing
        for load in loads
    ]
    series = Series(
        time=np.array([row["time"] for row in rows], dtype="datetime64[m]"),
        demand_kw=np.transpose([load["active_kw"] * profile(f"{load['profile']}_pload") for load in loads]),
        pv_kw=np.transpose(generation),
        retail_price=np.full(len(rows), RETAIL_PRICE),
        feed_in_price=np.full(len(rows), FEED_IN_PRICE),
        carbon_kg_per_kwh=np.full(len(rows), CARBON_KG_PER_KWH),
        names=names,
        timestep_h=TIMESTEP_H,
        source=data["source"],
    )
    return SimBench(
        community=community,
        grid=Grid(network=network, reactance_ohm=of_lines("reactance_ohm"), rating_kva=of_lines("rating_kva")),
        scenario=Scenario.whole(series),
        demand_kvar=np.transpose([load["reactive_kvar"] * profile(f"{load['profile']}_qload") for load in loads]),
    )

"""Make `simbench_rural1.json` from an unpacked SimBench wheel: the low-voltage grid "rural 1" as a tree of lines.

Run as `python tests/data/convert_simbench.py DIR_OF_UNPACKED_WHEEL OUT`; `SOURCES.md` names source and licence.
The transformer becomes the first line, its series impedance seen from the low-voltage side; busbars and the auxiliary
nodes of their switches (all closed) become one bus each; magnetising current and iron losses are left out.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from pathlib import Path
from typing import Any

FOLDER = Path("simbench/networks/1-complete_data-mixed-all-0-sw")
SUBNET = "LV1.101"
HOURS = {"summer": "28.05.2016", "winter": "08.02.2016"}
"""Two days, of which the full hours are kept."""
VOLT_PER_KV, KW_PER_MW = 1000.0, 1000.0


def rows_of(folder: Path, table: str) -> list[dict[str, str]]:
    """Return the rows of one table that belong to the grid; all rows of a table of types."""
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter=";"))
    return [row for row in rows if row.get("subnet", SUBNET) == SUBNET]


def bus_of(node: str) -> str:
    """Return the busbar of a node: "LV1.101 Bus 4_2" is behind a closed switch at "LV1.101 Bus 4"."""
    return node.split("_", maxsplit=1)[0]


def branches(folder: Path) -> list[dict[str, Any]]:
    """Return transformer and lines with their series impedance in ohm at the low voltage."""
    kinds = {row["id"]: row for row in rows_of(folder, "LineType")}
    transformer = rows_of(folder, "Transformer")[0]
    kind = next(row for row in rows_of(folder, "TransformerType") if row["id"] == transformer["type"])
    base_ohm = float(kind["vmLV"]) ** 2 / float(kind["sR"])
    resistance = float(kind["pCu"]) / (float(kind["sR"]) * KW_PER_MW)
    reactance = math.sqrt((float(kind["vmImp"]) / 100) ** 2 - resistance**2)
    found: list[dict[str, Any]] = [
        {
            "ends": ("grid", bus_of(transformer["nodeLV"])),
            "resistance_ohm": resistance * base_ohm,
            "reactance_ohm": reactance * base_ohm,
            "capacitance_f": 0.0,
            "rating_kva": float(kind["sR"]) * KW_PER_MW,
        }
    ]
    for row in rows_of(folder, "Line"):
        kind, length = kinds[row["type"]], float(row["length"])
        found.append(
            {
                "ends": (bus_of(row["nodeA"]), bus_of(row["nodeB"])),
                "resistance_ohm": float(kind["r"]) * length,
                "reactance_ohm": float(kind["x"]) * length,
                "capacitance_f": float(kind["b"]) * 1e-6 * length / (2 * math.pi * 50),
                "rating_kva": math.sqrt(3) * 0.4 * float(kind["iMax"]),
            }
        )
    return found


def as_tree(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the branches from the grid outwards, each with its bus and its upstream branch, -1 for the grid."""
    tree: list[dict[str, Any]] = []
    number, waiting = {"grid": -1}, list(found)
    while waiting:
        branch = next(b for b in waiting if (b["ends"][0] in number) != (b["ends"][1] in number))
        waiting.remove(branch)
        near, far = branch["ends"] if branch["ends"][0] in number else branch["ends"][::-1]
        number[far] = len(tree)
        rounded = {key: float(f"{value:.6g}") for key, value in branch.items() if key != "ends"}
        tree.append({"bus": far, "parent": number[near], **rounded})
    return tree


def profiles(folder: Path, table: str, names: set[str]) -> dict[str, dict[str, list[float]]]:
    """Return for each day the hourly values of the named profiles."""
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter=";"))
    found = {}
    for day, date in HOURS.items():
        hours = [row for row in rows if row["time"].startswith(date) and row["time"].endswith(":00")]
        found[day] = {name: [float(f"{float(row[name]):.4g}") for row in hours] for name in sorted(names)}
    return found


def convert(wheel: Path) -> dict[str, Any]:
    """Return the extract."""
    folder = wheel / FOLDER
    loads, plants = rows_of(folder, "Load"), rows_of(folder, "RES")
    tree = as_tree(branches(folder))
    number = {branch["bus"]: position for position, branch in enumerate(tree)}
    load_names = {f"{row['profile']}_{kind}" for row in loads for kind in ("pload", "qload")}
    plant_names = {row["profile"] for row in plants}
    both = [profiles(folder, "LoadProfile", load_names), profiles(folder, "RESProfile", plant_names)]
    return {
        "source": "SimBench (simbench 1.6.3, grid 1-LV-rural1--0-sw), Open Database License 1.0",
        "nominal_voltage_v": 0.4 * VOLT_PER_KV,
        "voltage_min_pu": 0.9,
        "voltage_max_pu": 1.1,
        "lines": tree,
        "loads": [
            {
                "bus": number[row["node"]],
                "active_kw": float(row["pLoad"]) * KW_PER_MW,
                "reactive_kvar": float(row["qLoad"]) * KW_PER_MW,
                "profile": row["profile"],
            }
            for row in loads
        ],
        "plants": [
            {"bus": number[row["node"]], "active_kw": float(row["pRES"]) * KW_PER_MW, "profile": row["profile"]}
            for row in plants
        ],
        "profiles": {day: {**both[0][day], **both[1][day]} for day in HOURS},
    }


def main(arguments: list[str]) -> None:
    """Convert the folder `arguments[0]` into the file `arguments[1]`."""
    if len(arguments) != 2:
        raise SystemExit("usage: python tests/data/convert_simbench.py DIR_OF_UNPACKED_WHEEL OUT")
    text = json.dumps(convert(Path(arguments[0])), indent=1)
    Path(arguments[1]).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

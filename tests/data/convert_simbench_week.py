"""Make `simbench_rural1_week.csv` from an unpacked SimBench wheel: quarter hours of the profiles of "rural 1".

Run as `python tests/data/convert_simbench_week.py DIR_OF_UNPACKED_WHEEL OUT`; `SOURCES.md` names source and licence.
The week from 23 to 29 May 2016 has the most sun of the year's weeks from Monday to Sunday. Values are fractions of the
rated power, with four significant digits.
"""

from __future__ import annotations

import csv
import io
import sys
from datetime import datetime, timedelta
from pathlib import Path

FOLDER = Path("simbench/networks/1-complete_data-mixed-all-0-sw")
LOADS = ("H0-A", "H0-B", "H0-C", "L1-A", "L2-A")
PLANTS = ("PV5", "PV6", "PV8")
FIRST, STEPS = datetime(2016, 5, 23), 7 * 96
QUARTER = timedelta(minutes=15)


def profiles(folder: Path, table: str, names: list[str]) -> dict[str, list[str]]:
    """Return time and named columns of one table in the week."""
    wanted = {(FIRST + k * QUARTER).strftime("%d.%m.%Y %H:%M") for k in range(STEPS)}
    found: dict[str, list[str]] = {name: [] for name in ["time", *names]}
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter=";"):
            if row["time"] in wanted:
                found["time"].append(datetime.strptime(row["time"], "%d.%m.%Y %H:%M").isoformat(timespec="minutes"))
                for name in names:
                    found[name].append(f"{float(row[name]):.4g}")
    if len(found["time"]) != STEPS:
        raise SystemExit(f"{table}: found {len(found['time'])} steps of the week, expected {STEPS}")
    return found


def convert(wheel: Path) -> str:
    """Return the text of the file."""
    folder = wheel / FOLDER
    loads = profiles(folder, "LoadProfile", [f"{name}_{kind}" for name in LOADS for kind in ("pload", "qload")])
    plants = profiles(folder, "RESProfile", list(PLANTS))
    columns = {**loads, **{name: plants[name] for name in PLANTS}}
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def main(arguments: list[str]) -> None:
    """Convert the folder `arguments[0]` into the file `arguments[1]`."""
    if len(arguments) != 2:
        raise SystemExit("usage: python tests/data/convert_simbench_week.py DIR_OF_UNPACKED_WHEEL OUT")
    Path(arguments[1]).write_text(convert(Path(arguments[0])), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

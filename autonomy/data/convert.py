"""Make `fontana.csv.gz` from the unpacked wheel citylearn 2.1.2; `SOURCES.md` tells what is fixed and why.

Run as `python -m autonomy.data.convert DIR_OF_UNPACKED_WHEEL OUT`.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path("citylearn/data/citylearn_challenge_2022_phase_all")
HOMES = 17
HOURS = 8760
FIRST_HOUR = "2016-08-01T00:00"
WITHOUT_PV = (14, 15)
"""Homes whose PV meter is weak (14: a third of what its size yields) or dead (15); both count as having no PV."""
FEED_IN_PRICE = 0.06
"""Currency/kWh. The source has no feed-in tariff: this is a choice of ours, no measurement."""
DECIMALS = 4
"""0.1 W in a power and 0.1 g in a carbon intensity, finer than the source's meters."""


def read_column(path: Path, name: str) -> NDArray[np.float64]:
    """Return one column of a raw CSV file.

    Raises:
        SystemExit: the column is missing, or has not one finite number >= 0 for each hour.
    """
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    try:
        values = np.array([float(row[name]) for row in rows])
    except (KeyError, ValueError) as fault:
        raise SystemExit(f"{path}, column {name!r}: expected numbers, found {fault}") from None
    if values.shape != (HOURS,) or not np.all((values >= 0) & (values < np.inf)):
        raise SystemExit(f"{path}, column {name!r}: expected {HOURS} finite numbers >= 0")
    return values


def convert(wheel: Path) -> bytes:
    """Return the demo data as CSV text in the column scheme of `docs/data.md`, from the folder of the unpacked wheel.

    Load is given in kWh per hour, which is kW; PV is given in W per installed kW, so pv = given · installed / 1000.
    """
    folder = wheel / FOLDER
    buildings = json.loads((folder / "schema.json").read_text(encoding="utf-8"))["buildings"]
    start = np.datetime64(FIRST_HOUR, "m")
    hours = start + np.arange(HOURS) * np.timedelta64(60, "m")
    columns: dict[str, list[str]] = {"time": [str(hour) for hour in hours]}
    for home in range(1, HOMES + 1):
        path = folder / f"Building_{home}.csv"
        columns[f"demand_kw:home-{home}"] = numbers(read_column(path, "Equipment Electric Power [kWh]"))
    for home in range(1, HOMES + 1):
        if home in WITHOUT_PV:
            continue
        installed_kw = float(buildings[f"Building_{home}"]["pv"]["attributes"]["nominal_power"])
        yield_w_per_kw = read_column(folder / f"Building_{home}.csv", "Solar Generation [W/kW]")
        columns[f"pv_kw:home-{home}"] = numbers(yield_w_per_kw * installed_kw / 1000)
    columns["retail_price"] = numbers(read_column(folder / "pricing.csv", "Electricity Pricing [$/kWh]"))
    columns["feed_in_price"] = numbers(np.full(HOURS, FEED_IN_PRICE))
    columns["carbon_kg_per_kwh"] = numbers(read_column(folder / "carbon_intensity.csv", "kg_CO2/kWh"))
    lines = [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]
    return ("\n".join(lines) + "\n").encode("ascii")


def numbers(values: NDArray[np.float64]) -> list[str]:
    """Return each value with `DECIMALS` decimals, trailing zeros dropped."""
    return [f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".") for value in values]


def compress(text: bytes) -> bytes:
    """Return `text` gzipped without name and date, so that equal text gives equal bytes with the same zlib."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as stream:
        stream.write(text)
    return buffer.getvalue()


def main(arguments: list[str]) -> None:
    """Convert the folder `arguments[0]` into the file `arguments[1]` and print both hashes."""
    if len(arguments) != 2:
        raise SystemExit("usage: python -m autonomy.data.convert DIR_OF_UNPACKED_WHEEL OUT")
    wheel, out = Path(arguments[0]), Path(arguments[1])
    text = convert(wheel)
    data = compress(text)
    out.write_bytes(data)
    print(f"{out}: {len(data)} bytes\nSHA-256 {hashlib.sha256(data).hexdigest()}")
    print(f"SHA-256 of the text inside {hashlib.sha256(text).hexdigest()}")


if __name__ == "__main__":
    main(sys.argv[1:])

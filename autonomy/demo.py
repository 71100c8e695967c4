"""The demo data: read once, after its hash has been checked."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from autonomy.errors import DataError
from autonomy.layers.community import Community
from autonomy.series import Series
from autonomy.tables import read_series

DEMO_FILE = "fontana.csv.gz"
DEMO_SHA256 = "8a08b101ad44c4ce42f1743ed266c826b533b2f34f4ef02368bf9c82441ffbc2"
DEMO_SOURCE = (
    "17 homes in Fontana, California, August 2016 to July 2017, from the CityLearn Challenge 2022 (MIT licence); "
    "the feed-in price of 0.06 $/kWh is an assumption"
)


@cache
def demo_series() -> Series:
    """Return the year of real data that ships with the package.

    Raises:
        DataError: the file is not the one that was shipped.
    """
    with as_file(files("autonomy") / "data" / DEMO_FILE) as path:
        return read_demo(path)


def read_demo(path: Path) -> Series:
    """Return the demo data in the file at `path`.

    Raises:
        DataError: its SHA-256 is not `DEMO_SHA256`.
    """
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as fault:
        raise DataError(path, f"cannot be read ({fault.strerror}); reinstall autonomy-stack") from None
    if found != DEMO_SHA256:
        problem = f"found SHA-256 {found}; expected {DEMO_SHA256}; the file was changed, reinstall autonomy-stack"
        raise DataError(path, problem)
    return replace(read_series(path, community=Community.demo()), source=DEMO_SOURCE)

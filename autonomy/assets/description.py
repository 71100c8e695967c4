"""The [[ev]], [[wind]], [[outage]], [[derating]] and [assets] tables of a community file, checked key by key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from autonomy.assets.derating import Derating
from autonomy.assets.ev import Ev
from autonomy.assets.fleet import Assets
from autonomy.assets.outage import Outage
from autonomy.assets.wind import Wind
from autonomy.layers.community import Community
from autonomy.layers.description import check_keys, number
from autonomy.layers.errors import ConfigError, ModelError

Asset = TypeVar("Asset", Ev, Wind, Outage, Derating)
Reader = Callable[[str | Path, str, Mapping[str, Any], str], Any]
"""Reads one key: file, section, table, key."""


def read_assets(source: str | Path, document: Mapping[str, Any], community: Community) -> Assets:
    """Return the assets that the parsed tables of a TOML file describe; `source` names them in errors.

    Raises:
        ConfigError: a key is unknown, missing, of the wrong type or out of range, or an asset does not fit its
            prosumer.
    """
    general = document.get("assets", {})
    check_keys(source, "assets", general, ("seed",))
    seed = number(source, "assets", general, "seed", 0.0)
    if seed < 0 or seed != int(seed):
        raise ConfigError(source, "assets.seed", f"found {general['seed']!r}; expected a whole number >= 0")
    assets = Assets(
        evs=_tables(source, document, "ev", Ev, EV_KEYS, ("prosumer", "departure_h", "arrival_h", "required_kwh")),
        winds=_tables(source, document, "wind", Wind, WIND_KEYS, ("prosumer", "rated_kw")),
        outages=_tables(source, document, "outage", Outage, OUTAGE_KEYS, ("from", "to")),
        deratings=_tables(source, document, "derating", Derating, DERATING_KEYS, ()),
        seed=int(seed),
    )
    try:
        assets.equip(community)
    except ModelError as fault:
        raise ConfigError(source, fault.field, f"found {fault.value!r}; expected {fault.expected}") from None
    return assets


def _tables(
    source: str | Path,
    document: Mapping[str, Any],
    section: str,
    kind: type[Asset],
    readers: Mapping[str, Reader],
    needed: tuple[str, ...],
) -> tuple[Asset, ...]:
    tables = document.get(section, [])
    if not isinstance(tables, list):
        raise ConfigError(source, section, f"expected [[{section}]] tables, with two brackets")
    found = []
    for position, table in enumerate(tables):
        place = f"{section}[{position}]"
        check_keys(source, place, table, tuple(readers))
        for key in needed:
            if key not in table:
                raise ConfigError(source, f"{place}.{key}", "is missing")
        given = {FIELD_OF.get(key, key): readers[key](source, place, table, key) for key in table}
        try:
            found.append(kind(**given))
        except ModelError as fault:
            key = KEY_OF.get(fault.field, fault.field)
            raise ConfigError(source, f"{place}.{key}", f"found {fault.value!r}; expected {fault.expected}") from None
    return tuple(found)


def _text(source: str | Path, section: str, table: Mapping[str, Any], key: str) -> str:
    if not isinstance(table[key], str):
        raise ConfigError(source, f"{section}.{key}", f"found {table[key]!r}; expected a text")
    return str(table[key])


def _flag(source: str | Path, section: str, table: Mapping[str, Any], key: str) -> bool:
    if not isinstance(table[key], bool):
        raise ConfigError(source, f"{section}.{key}", f"found {table[key]!r}; expected true or false")
    return bool(table[key])


def _time(source: str | Path, section: str, table: Mapping[str, Any], key: str) -> np.datetime64:
    value = table[key]
    try:
        given = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        given = None
    has_offset = isinstance(given, datetime) and given.tzinfo is not None
    if not isinstance(given, date) or has_offset:
        expected = "a time such as 2024-06-05T17:00, without an offset, on the clock of the data"
        raise ConfigError(source, f"{section}.{key}", f"found {str(value)!r}; expected {expected}")
    return np.datetime64(given, "m")


def _names(source: str | Path, section: str, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table[key]
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise ConfigError(source, f"{section}.{key}", f"found {value!r}; expected a list of names")
    return tuple(value)


def _hours(source: str | Path, section: str, table: Mapping[str, Any], key: str) -> tuple[float, float]:
    value = table[key]
    numbers = isinstance(value, list) and all(isinstance(x, int | float) and not isinstance(x, bool) for x in value)
    if not numbers or len(value) != 2:
        raise ConfigError(source, f"{section}.{key}", f"found {value!r}; expected two hours of the day, as [12, 17]")
    return float(value[0]), float(value[1])


FIELD_OF = {"from": "from_"}
KEY_OF = {field: key for key, field in FIELD_OF.items()}
EV_KEYS: dict[str, Reader] = {
    "prosumer": _text,
    **dict.fromkeys(("departure_h", "arrival_h", "required_kwh", "drive_kwh", "spread_h", "drive_spread_kwh"), number),
    "days": _text,
    "v2g": _flag,
}
WIND_KEYS: dict[str, Reader] = {
    "prosumer": _text,
    **dict.fromkeys(("rated_kw", "mean_speed", "shape", "persistence", "cut_in", "rated_speed", "cut_out"), number),
}
OUTAGE_KEYS: dict[str, Reader] = {
    "from": _time, "to": _time, "import_limit_kw": number, "export_limit_kw": number,
}  # fmt: skip
DERATING_KEYS: dict[str, Reader] = {
    "prosumers": _names, "from": _time, "to": _time, "hours": _hours,
    "charge_share": number, "discharge_share": number, "soc_max": number,
}  # fmt: skip

"""Community descriptions: the [community], [network] and [[prosumer]] tables of a TOML file, checked key by key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autonomy.layers.errors import ConfigError, ModelError, did_you_mean
from autonomy.layers.network import Network

DEFAULTS = {
    "battery_capacity_kwh": 0.0,
    "charge_limit_kw": 0.0,
    "discharge_limit_kw": 0.0,
    "charge_efficiency": 1.0,
    "discharge_efficiency": 1.0,
    "soc_min": 0.0,
    "soc_max": 1.0,
    "ramp_limit_kw": np.inf,
    "connection_limit_kw": np.inf,
    "self_discharge_per_h": 0.0,
}
PROSUMER_NUMBERS = tuple(DEFAULTS)
LINE_DEFAULTS = {"import_limit_kw": np.inf, "export_limit_kw": np.inf, "resistance_ohm": 0.0}
LINE_NUMBERS = tuple(LINE_DEFAULTS)
SECTIONS = {
    "community": ("name", "timestep_h", "currency"),
    "network": ("nominal_voltage_v", *LINE_NUMBERS, "line"),
    "network.line": ("name", "parent", *LINE_NUMBERS),
    "defaults": PROSUMER_NUMBERS,
    "prosumer": ("name", "line", *PROSUMER_NUMBERS),
}
OTHER_SECTIONS = ("economics", "assets", "ev", "wind", "outage", "derating")
FEEDER = "feeder"
GRID = "grid"


def read_document(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises:
        ConfigError: the file is missing or is not TOML, or it has an unknown section.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as fault:
        raise ConfigError(path, "", f"cannot be read ({fault.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise ConfigError(path, "", f"is not valid TOML: {fault}") from None
    check_keys(path, "", document, ("community", "network", "defaults", "prosumer", *OTHER_SECTIONS))
    return document


def check_keys(source: str | Path, section: str, table: Any, known: tuple[str, ...]) -> None:
    """Raise `ConfigError` when `table` is not a table or has a key outside `known`."""
    if not isinstance(table, Mapping):
        raise ConfigError(source, section, f"expected a table, found {table!r}")
    for key in table:
        if key not in known:
            dotted = f"{section}.{key}" if section else key
            raise ConfigError(source, dotted, f"unknown key{did_you_mean(key, known)}; known: {', '.join(known)}")


def number(source: str | Path, section: str, table: Mapping[str, Any], key: str, default: float | None = None) -> float:
    """Return `table[key]` as a float.

    Raises:
        ConfigError: the key is missing without a default, or its value is not a number.
    """
    value = table.get(key, default)
    if value is None:
        raise ConfigError(source, f"{section}.{key}", "is missing; expected a number")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(source, f"{section}.{key}", f"found {value!r}; expected a number")
    try:
        return float(value)
    except OverflowError:
        raise ConfigError(source, f"{section}.{key}", "found a whole number beyond 1e308; expected a number") from None


def community_fields(source: str | Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of `Community` that parsed TOML tables describe; `source` names them in errors.

    Raises:
        ConfigError: a key is unknown, missing, of the wrong type, or describes no radial network.
    """
    general = document.get("community", {})
    check_keys(source, "community", general, SECTIONS["community"])
    defaults = document.get("defaults", {})
    check_keys(source, "defaults", defaults, SECTIONS["defaults"])
    for key in defaults:
        number(source, "defaults", defaults, key)
    prosumers = document.get("prosumer", [])
    if not isinstance(prosumers, list) or not prosumers:
        raise ConfigError(source, "prosumer", "expected at least one [[prosumer]] table")
    for position, prosumer in enumerate(prosumers):
        check_keys(source, f"prosumer[{position}]", prosumer, SECTIONS["prosumer"])

    names = [_name(source, f"prosumer[{i}]", p, f"prosumer-{i + 1}") for i, p in enumerate(prosumers)]
    _require_different(source, "prosumer", names)
    columns = {
        key: [number(source, f"prosumer[{i}]", {**defaults, **p}, key, default) for i, p in enumerate(prosumers)]
        for key, default in DEFAULTS.items()
    }
    try:
        network = _network(source, document.get("network", {}), prosumers)
    except ModelError as fault:
        raise as_config_error(source, document, fault) from None
    return {
        **{key: np.array(values) for key, values in columns.items()},
        "network": network,
        "timestep_h": number(source, "community", general, "timestep_h", 1.0),
        "names": tuple(names),
    }


def as_config_error(source: str | Path, document: Mapping[str, Any], fault: ModelError) -> ConfigError:
    """Return the error of the model as one of the file, with the key it was written under."""
    return ConfigError(source, _key_of(fault.field, document), f"found {fault.value!r}; expected {fault.expected}")


def _network(source: str | Path, table: Any, prosumers: list[Mapping[str, Any]]) -> Network:
    check_keys(source, "network", table, SECTIONS["network"])
    lines = table.get("line", [])
    if not isinstance(lines, list):
        raise ConfigError(source, "network.line", "expected [[network.line]] tables, with two brackets")
    if lines and any(key in table for key in LINE_NUMBERS):
        raise ConfigError(source, "network", "give limits either here (one feeder) or in [[network.line]], not both")
    section = "network.line[{}]" if lines else "network"
    if not lines:
        lines = [{"name": FEEDER, "parent": GRID, **{key: table[key] for key in LINE_NUMBERS if key in table}}]
    for position, line in enumerate(lines):
        check_keys(source, f"network.line[{position}]", line, SECTIONS["network.line"])
    names = [_name(source, f"network.line[{i}]", line, f"line-{i + 1}") for i, line in enumerate(lines)]
    if GRID in names:
        raise ConfigError(source, f"network.line[{names.index(GRID)}].name", f"{GRID!r} is no name for a line")
    _require_different(source, "network.line", names)
    bus = {GRID: -1} | {name: i for i, name in enumerate(names)}
    parents = [_bus(source, f"network.line[{i}].parent", line.get("parent"), bus) for i, line in enumerate(lines)]
    _require_tree(source, names, parents)
    default_line = names[0] if len(names) == 1 else None
    numbers = {
        key: np.array([number(source, section.format(i), line, key, default) for i, line in enumerate(lines)])
        for key, default in LINE_DEFAULTS.items()
    }
    return Network(
        parent=np.array(parents),
        bus_of_prosumer=np.array(
            [_line(source, f"prosumer[{i}].line", p.get("line", default_line), bus) for i, p in enumerate(prosumers)]
        ),
        **numbers,
        nominal_voltage_v=number(source, "network", table, "nominal_voltage_v", 400.0),
    )


def _name(source: str | Path, section: str, table: Mapping[str, Any], default: str) -> str:
    value = table.get("name", default)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(source, f"{section}.name", f"found {value!r}; expected a text")
    return value


def _bus(source: str | Path, key: str, name: Any, known: Mapping[str, int]) -> int:
    if name is None:
        raise ConfigError(source, key, f"is missing; expected one of {', '.join(known)}")
    if not isinstance(name, str) or name not in known:
        raise ConfigError(source, key, f"no line is called {name!r}{did_you_mean(str(name), known)}")
    return known[name]


def _line(source: str | Path, key: str, name: Any, known: Mapping[str, int]) -> int:
    """Return the bus of a prosumer, which hangs on a line and not on the grid itself."""
    return _bus(source, key, name, {line: bus for line, bus in known.items() if line != GRID})


def _require_different(source: str | Path, section: str, names: list[str]) -> None:
    for position, name in enumerate(names):
        if name in names[:position]:
            problem = f"{name!r} is the name of {section}[{names.index(name)}] already"
            raise ConfigError(source, f"{section}[{position}].name", problem)


def _require_tree(source: str | Path, names: list[str], parents: list[int]) -> None:
    """Raise `ConfigError` unless exactly one line hangs on the grid and every other one on it, in the user's names."""
    feeders = [name for name, parent in zip(names, parents, strict=True) if parent < 0]
    if len(feeders) != 1:
        found = f"found {len(feeders)}" + (f" ({', '.join(feeders)})" if feeders else "")
        raise ConfigError(source, "network.line", f"{found} with the parent {GRID!r}; expected exactly one, the feeder")
    for position, start in enumerate(names):
        above, line = [start], parents[position]
        while line >= 0 and names[line] not in above:
            above.append(names[line])
            line = parents[line]
        if line >= 0:
            loop = " -> ".join([*above, names[line]])
            raise ConfigError(source, f"network.line[{position}].parent", f"the lines form a loop: {loop}")


def _key_of(field: str, document: Mapping[str, Any]) -> str:
    """Return the dotted key of the file that carries a field of `Community` or `Network`."""
    name, _, position = field.rstrip("]").partition("[")
    if name in PROSUMER_NUMBERS:
        given = document["prosumer"][int(position)]
        return f"prosumer[{position}].{name}" if name in given else f"defaults.{name}"
    if name in LINE_NUMBERS:
        return f"network.line[{position}].{name}" if document.get("network", {}).get("line") else f"network.{name}"
    return f"{'network' if name == 'nominal_voltage_v' else 'community'}.{name}"

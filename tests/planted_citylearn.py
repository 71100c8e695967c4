"""A few of CityLearn's homes in steps of an hour or a quarter of one, and adapters of it that are nearly right."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from autonomy.hosts.citylearn import CityLearnHost, community_of
from autonomy.hosts.verdict import APPLIED, BALANCE, CAPABILITIES, LIMITS, SEED, SIGNALS, STORED

HOMES = 4
ROWS = 120
"""Hours of the data that are kept: five days."""
IMPORT_KW, EXPORT_KW = 8.0, 6.0
QUARTERS = 4


def shortened(schema: Path, target: Path, *, parts: int = 1) -> Path:
    """Write the first homes and days of a data set, batteries half full, each hour in `parts` equal steps.

    Loads are kWh a step and are divided; PV is W per kW, prices and carbon are per kWh, and these are repeated. Returns
    the schema. Batteries that start empty, as CityLearn's do, would show a reversed sign as nothing at all.
    """
    made = json.loads(schema.read_text(encoding="utf-8"))
    made["root_directory"] = str(target)
    made["buildings"] = dict(list(made["buildings"].items())[:HOMES])
    for home in made["buildings"].values():
        home["electrical_storage"]["attributes"]["initial_soc"] = 0.5
    made["seconds_per_time_step"] = 3600 // parts
    made["simulation_end_time_step"] = ROWS * parts - 1
    names = {home["energy_simulation"] for home in made["buildings"].values()}
    for path in schema.parent.glob("*.csv"):
        is_home = path.name.startswith("Building")
        if is_home and path.name not in names:
            continue
        with path.open(encoding="utf-8", newline="") as given, (target / path.name).open("w", newline="") as out:
            rows = csv.DictReader(given)
            headers = [*(rows.fieldnames or []), *(["minutes"] if is_home and parts > 1 else [])]
            writer = csv.DictWriter(out, headers)
            writer.writeheader()
            for _, row in zip(range(ROWS), rows, strict=False):
                for part in range(parts):
                    writer.writerow(_part(row, part, parts) if is_home and parts > 1 else row)
    place = target / "schema.json"
    place.write_text(json.dumps(made), encoding="utf-8")
    return place


def _part(row: dict[str, str], part: int, parts: int) -> dict[str, Any]:
    load = float(row["non_shiftable_load"]) / parts
    return {**row, "non_shiftable_load": load, "minutes": part * 60 // parts}


def host_of(env: Any, kind: type[CityLearnHost] = CityLearnHost) -> CityLearnHost:
    """Return an adapter of a kind, behind a feeder that binds."""
    community = community_of(env, import_limit_kw=IMPORT_KW, export_limit_kw=EXPORT_KW)
    return kind(env, community, feed_in_price=0.06, start=np.datetime64("2016-08-01T00:00"))


def acting(change: Callable[[Any], Any]) -> type[CityLearnHost]:
    """An adapter whose action is changed on its way."""

    class Changed(CityLearnHost):
        def from_decision(self, decision: Any) -> Any:
            action = super().from_decision(decision)
            return {**action, "fraction": change(action["fraction"])}

    return Changed


def reading(**changes: Callable[[Any], Any]) -> type[CityLearnHost]:
    """An adapter of which some readings are changed."""

    class Misread(CityLearnHost):
        def to_observation(self, raw: Any) -> Any:
            seen = super().to_observation(raw)
            known = {name: getattr(seen, name) for name in changes if getattr(seen, name) is not None}
            return replace(seen, **{name: changes[name](value) for name, value in known.items()})

    return Misread


class Twice(acting(np.negative)):  # type: ignore[misc]
    """Reverses the sign of the action, and of what it says was applied."""

    def to_observation(self, raw: Any) -> Any:
        seen = super().to_observation(raw)
        applied = seen.applied_battery_kw
        return seen if applied is None else replace(seen, applied_battery_kw=-applied)


class Late(CityLearnHost):
    """Carries an action out one step after it was decided."""

    def reset(self, *, seed: int | None = None) -> Any:
        self.held = np.zeros(self.community.n_prosumers)
        return super().reset(seed=seed)

    def step(self, action: Any) -> Any:
        now, self.held = {**action, "fraction": self.held}, action["fraction"]
        return super().step(now)


class Echo(CityLearnHost):
    """Reads what was applied one step before the last: CityLearn writes at the index that the step began with."""

    def _read(self, *, first: bool) -> Any:
        raw, step = super()._read(first=first), self.env.time_step
        if first:
            return raw
        batteries = (building.electrical_storage for building in self.env.buildings)
        applied = np.array([battery.electricity_consumption[max(step - 2, 0)] for battery in batteries], dtype=float)
        return {**raw, "battery_kwh": applied if step > 1 else np.zeros_like(applied)}


class Stale(CityLearnHost):
    """Reads the state of charge of one step before."""

    def reset(self, *, seed: int | None = None) -> Any:
        raw = super().reset(seed=seed)
        self.old = raw["soc"]
        return raw

    def step(self, action: Any) -> Any:
        raw = super().step(action)
        old, self.old = self.old, raw["soc"]
        return {**raw, "soc": old}


class Silent(CityLearnHost):
    """Does not pass on the limits of the step."""

    def to_observation(self, raw: Any) -> Any:
        return replace(super().to_observation(raw), limits=None)


class Plain(CityLearnHost):
    """Believes that the batteries are the model's, of one efficiency at every power."""

    predicted_energy_kwh = None  # type: ignore[assignment]


class Deaf(CityLearnHost):
    """Says that it curtails and sheds, and does not."""

    def from_decision(self, decision: Any) -> Any:
        action = super().from_decision(decision)
        return {**action, "solar_kw": np.full(HOMES, np.inf), "load_kw": np.full(HOMES, np.inf)}


class Worn(CityLearnHost):
    """Does not put back the load that it cut."""

    def _put_back(self) -> None:
        self._kept.clear()


def _quarter(value: Any) -> Any:
    return value / QUARTERS


FAULTS: dict[str, tuple[type[CityLearnHost], int, str, str]] = {
    "wrong sign of the action": (acting(np.negative), 1, APPLIED, "sign reversed"),
    "wrong scale of the action": (acting(lambda share: 0.9 * share), 1, APPLIED, "scale of 0.9"),
    "kW where fractions are meant": (acting(lambda share: 5.0 * share), 1, APPLIED, "differ"),
    "one step late": (Late, 1, APPLIED, "one step before"),
    "applied of one step before": (Echo, 1, APPLIED, "one step before"),
    "no action at all": (acting(np.zeros_like), 1, APPLIED, "nothing at all"),
    "limits kept secret": (Silent, 1, APPLIED, "differ"),
    "a sign that was wrong twice": (Twice, 1, STORED, "differ"),
    "stale SoC": (Stale, 1, STORED, "one step before"),
    "per cent": (reading(soc=lambda soc: 100 * soc), 1, SIGNALS, "per cent"),
    "a meter that is + for imports": (reading(feeder_kw=np.negative), 1, BALANCE, "sign reversed"),
    "PV as CityLearn has it, below 0": (reading(pv_kw=np.negative), 1, SIGNALS, "below 0"),
    "cuts that are not made": (Deaf, 1, CAPABILITIES, "curtail_kw"),
    "cuts that are not made, and caps": (Deaf, 1, LIMITS, "passed its limit"),
    "load that is not put back": (Worn, 1, SEED, "demand_kw"),
    "one efficiency for every power": (Plain, 1, STORED, "differ"),
    "kWh for kW": (acting(_quarter), QUARTERS, APPLIED, "kWh of a step where kW are meant"),
    "one step late, in quarters of an hour": (Late, QUARTERS, APPLIED, "one step before"),
    "stale SoC, in quarters of an hour": (Stale, QUARTERS, STORED, "one step before"),
    "a meter in kWh": (reading(feeder_kw=_quarter), QUARTERS, BALANCE, "kWh of a step"),
    "demand in kWh": (reading(demand_kw=_quarter), QUARTERS, BALANCE, "differ"),
    "applied in kWh": (reading(applied_battery_kw=_quarter), QUARTERS, APPLIED, "kWh of a step where kW are meant"),
}
"""Each fault: the adapter that has it, steps an hour, the check that has to find it, and words that it has to say."""

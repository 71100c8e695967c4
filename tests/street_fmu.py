"""The street of docs/adding-a-host.md as an FMU: W, + = discharge, per cent, cents, + = import; faults inside."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from autonomy.hosts.fmu_host import FmuHost
from autonomy.hosts.fmu_slave import pack
from autonomy.hosts.fmu_wiring import Wire, Wiring
from tests.planted_hosts import COMMUNITY, PAGE

NAME = "StreetPlant"
HOMES = 3
SCRIPT = """
import os

import numpy as np
from pythonfmu import Fmi2Causality, Fmi2Slave, Fmi2Variability, Integer, Real, String

from autonomy.hosts.fmu_slave import entry
from street import Street

KEPT = {}


class StreetPlant(Fmi2Slave):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.street, self.seed, self.fault, self.meter, self.tariff = Street(), 0, "", 0.0, 30.0
        self.asked = {name: np.zeros(3) for name in ("battery", "solar_limit", "load_limit")}
        self.read = {name: np.zeros(3) for name in ("load", "solar", "charge", "power")}
        for table, kind in ((self.asked, Fmi2Causality.input), (self.read, Fmi2Causality.output)):
            for name, i in ((name, i) for name in table for i in range(3)):
                self.register_variable(Real(f"{name}[{i + 1}]", causality=kind, **entry(table, name, i)))
        for name in ("meter", "tariff"):
            self.register_variable(Real(name, causality=Fmi2Causality.output))
        fixed = {"causality": Fmi2Causality.parameter, "variability": Fmi2Variability.fixed}
        self.register_variable(Integer("seed", **fixed))
        self.register_variable(String("fault", **fixed))

    def exit_initialization_mode(self):
        if self.fault == "stillborn":
            raise ValueError("no such street")
        self.street.restart(self.seed)
        if self.fault == "leaky" and KEPT:
            self.street.stored_wh = KEPT["stored_wh"]
        self.held, self.old = np.zeros(3), self.street.read()["charge_percent"]
        self.measure()

    def measure(self):
        raw = self.street.read()
        if self.fault == "stale":
            raw["charge_percent"], self.old = self.old, raw["charge_percent"]
        self.read.update(load=raw["load"], solar=raw["solar"], charge=raw["charge_percent"], power=raw["battery"])
        self.meter = raw["meter"] or 0.0
        KEPT["stored_wh"] = self.street.stored_wh

    def do_step(self, current_time, step_size):
        if self.fault == "crash" and current_time > 0:
            os.abort()
        if self.fault == "refuse" and current_time > 0:
            return False
        if current_time == 0:
            print("the street says something")
        battery = self.asked["battery"].copy()
        if self.fault == "late":
            battery, self.held = self.held, battery
        self.street.advance(battery, self.asked["solar_limit"].copy(), self.asked["load_limit"].copy())
        self.measure()
        return True
"""
STREET = Wiring(
    demand_kw=Wire("load[{i}]", 1000.0),
    pv_kw=Wire("solar[{i}]", 1000.0),
    soc=Wire("charge[{i}]", 100.0),
    retail_price=Wire("tariff", 100.0),
    feed_in_price=0.08,
    applied_battery_kw=Wire("power[{i}]", -1000.0),
    feeder_kw=Wire("meter", -1000.0),
    battery_kw=Wire("battery[{i}]", -1000.0),
    generation_left_kw=Wire("solar_limit[{i}]", 1000.0),
    load_left_kw=Wire("load_limit[{i}]", 1000.0),
    seed="seed",
)


def build_street(target: Path) -> Path:
    page = PAGE.read_text(encoding="utf-8")
    found = re.search(r"^```python file=street.py\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found is not None
    street = found[1]
    return pack(NAME, SCRIPT, {"street.py": lambda path: path.write_text(street, encoding="utf-8")}, target)


def street_fmu_host(path: Path, wiring: Wiring = STREET, *, fault: str = "", **facts: Any) -> FmuHost:
    return FmuHost(path, COMMUNITY, wiring, **{"steps": 192, "parameters": {"fault": fault}, **facts})

"""A plant's FMU without any Python in it: `native_plant.c`, compiled and packed."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from autonomy import Community, Network
from autonomy.hosts.fmu_wiring import Wire, Wiring

SOURCE = Path(__file__).with_name("native_plant.c")
COMMUNITY = Community(
    battery_capacity_kwh=[10.0, 10.0],
    charge_limit_kw=4.0,
    discharge_limit_kw=4.0,
    charge_efficiency=0.95,
    discharge_efficiency=0.95,
    network=Network.single_feeder(n_prosumers=2, import_limit_kw=7.0, export_limit_kw=9.0),
    timestep_h=0.25,
    names=("left", "right"),
)
WIRING = Wiring(
    demand_kw="{name}.load",
    pv_kw="{name}.sun",
    soc=Wire("{name}.energy", 10.0),
    retail_price=0.3,
    feed_in_price=0.1,
    battery_kw="{name}.asked",
    applied_battery_kw="{name}.done",
    feeder_kw="meter",
    seed="seed",
)
EACH = ("load", "sun", "energy", "done", "asked")
REALS = [*(f"{name}.{what}" for what in EACH for name in COMMUNITY.names), "meter"]


def build_native(compiler: str, target: Path) -> Path:
    from fmpy import platform, sharedLibraryExtension  # noqa: PLC0415 - only where it is installed

    library, path = target / f"plant{sharedLibraryExtension}", target / "plant.fmu"
    words = ("-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(library), str(SOURCE), "-lm")
    subprocess.run([compiler, *words], check=True)
    variables = [_variable(number, name) for number, name in enumerate(REALS)]
    variables.append(_scalar("seed", 11, "parameter", "fixed", '<Integer start="0"/>'))
    variables.append(_scalar("stubborn", 12, "parameter", "fixed", '<Boolean start="false"/>'))
    outputs = [number for number, name in enumerate(REALS) if not name.endswith("asked")]
    unknowns = "".join(f'<Unknown index="{number + 1}"/>' for number in outputs)
    description = (
        '<?xml version="1.0" encoding="UTF-8"?><fmiModelDescription fmiVersion="2.0" modelName="plant" guid="plant">'
        '<CoSimulation modelIdentifier="plant"/><DefaultExperiment startTime="0" stopTime="172800" stepSize="900"/>'
        f"<ModelVariables>{''.join(variables)}</ModelVariables><ModelStructure><Outputs>{unknowns}</Outputs>"
        f"<InitialUnknowns>{unknowns}</InitialUnknowns></ModelStructure></fmiModelDescription>"
    )
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("modelDescription.xml", description)
        packed.write(library, f"binaries/{platform}/{library.name}")
    return path


def _variable(number: int, name: str) -> str:
    is_input = name.endswith("asked")
    causality, start = ("input", ' start="0"') if is_input else ("output", "")
    return _scalar(name, number, causality, "continuous", f"<Real{start}/>")


def _scalar(name: str, number: int, causality: str, variability: str, kind: str) -> str:
    facts = f'name="{name}" valueReference="{number}" causality="{causality}" variability="{variability}"'
    return f"<ScalarVariable {facts}>{kind}</ScalarVariable>"

"""The controller as an FMU, stepped by fmpy for a week beside the one in Python: python host_fmu.py."""

import tempfile
import time
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from autonomy import Community, Controller, Scenario, Simulator
from autonomy.hosts.fmu import FmuController, build_fmu

community, week = Community.demo(), next(Scenario.demo().held_out_weeks())
path = build_fmu(Path(str(files("autonomy"))) / "data" / "fontana.toml", Path(tempfile.mkdtemp()))
simulator, here = Simulator(community, week), Controller(community, policy="time-of-use")
fmu = FmuController(path, community, policy="time-of-use", epoch=simulator.observe().time.astype("datetime64[s]"))
same, violations, seconds = 0, 0, [0.0, 0.0]
while not simulator.is_done:
    seen = replace(simulator.observe(), forecast=None, carbon_kg_per_kwh=None)
    began = time.perf_counter()
    decision = here.step(seen)
    seconds[0] += time.perf_counter() - began
    began = time.perf_counter()
    there = fmu.step(seen)
    seconds[1] += time.perf_counter() - began
    same += there.battery_kw.tobytes() == decision.battery_kw.tobytes()
    violations += len(simulator.execute(there).violations)
fmu.close()
print(f"{same} of {week.n_steps} decisions equal to the last bit, {violations} violations of the FMU's")
here_ms, there_ms = (1e3 * total / week.n_steps for total in seconds)
print(f"ms per step: {here_ms:.3f} in Python, {there_ms:.3f} through the FMU")

"""The controller as an FMU, stepped by fmpy for a week beside the one in Python: python host_fmu.py."""

import tempfile
import time
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from statistics import median

from autonomy import Community, Controller, Scenario, Simulator
from autonomy.hosts.fmu import FmuController, build_fmu

community, week = Community.demo(), next(Scenario.demo().held_out_weeks())
path = build_fmu(Path(str(files("autonomy"))) / "data" / "fontana.toml", Path(tempfile.mkdtemp()))
simulator, here = Simulator(community, week), Controller(community, policy="time-of-use")
fmu = FmuController(path, community, policy="time-of-use", epoch=simulator.observe().time.astype("datetime64[s]"))
same, violations, here_s, there_s = 0, 0, [], []
while not simulator.is_done:
    seen = replace(simulator.observe(), forecast=None, carbon_kg_per_kwh=None)
    began = time.perf_counter()
    decision = here.step(seen)
    here_s.append(time.perf_counter() - began)
    began = time.perf_counter()
    there = fmu.step(seen)
    there_s.append(time.perf_counter() - began)
    same += there.battery_kw.tobytes() == decision.battery_kw.tobytes()
    violations += len(simulator.execute(there).violations)
fmu.close()
print(f"{same} of {week.n_steps} decisions equal to the last bit, {violations} violations of the FMU's")
print(f"ms per step: {1e3 * median(here_s):.3f} in Python, {1e3 * median(there_s):.3f} through the FMU")

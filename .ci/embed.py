"""Run by the gate in an empty environment beside decoy `layers.py` and `solvers/`: the wheel must not care."""

import sys
from pathlib import Path

import numpy as np

import autonomy

if Path(autonomy.__file__).is_relative_to(Path.cwd()):
    sys.exit("the source tree was imported instead of the wheel")
community = autonomy.Community.demo()
simulator = autonomy.Simulator(community, autonomy.Scenario.demo().window(0, 24))
controller = autonomy.Controller(community, policy=lambda community, observation: np.full((17, 3), np.nan))
broken = 0
while not simulator.is_done:
    broken += len(simulator.execute(controller.step(simulator.observe())).violations)
if broken:
    sys.exit(f"{broken} violations under a policy that answers NaN")
sys.stdout.write(f"autonomy-stack {autonomy.__version__}: 24 steps under NaN, 0 violations\n")

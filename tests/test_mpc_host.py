"""A host that has used HiGHS with threads of its own does not stop the planners that use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOST = """
import highspy
import numpy as np
host = highspy.Highs()
host.setOptionValue("output_flag", False)
host.setOptionValue("threads", 2)
host.addVar(0.0, 1.0)
host.run()
from autonomy import Community, Scenario, Simulator
from autonomy.policies import load_policy
for name in ("mpc-lp", "mpc-lp-full"):
    policy = load_policy(name)
    policy(Community.demo(), Simulator(Community.demo(), Scenario.demo().window(2000, 3)).observe())
    assert policy.fault == "", policy.fault
"""


def test_a_host_with_other_threads_of_highs_does_not_stop_the_planners() -> None:
    done = subprocess.run([sys.executable, "-c", HOST], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr

"""A plant's FMU under a policy that looks at the clock, alone and behind the controller: python host_fmu_plant.py."""

import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np

from autonomy import Community, Scenario
from autonomy.hosts import alone_and_behind, as_table, battery_intent, check_host
from autonomy.hosts.fmu_host import FmuHost
from autonomy.hosts.fmu_plant import PLANT, build_plant

community, week = Community.demo(), next(Scenario.demo().held_out_weeks())
path = build_plant(Path(str(files("autonomy"))) / "data" / "fontana.toml", week, Path(tempfile.mkdtemp()))
host = FmuHost(path, community, PLANT, epoch=week.time[0])


def policy(community, observation):
    """Charge at full power at noon, discharge at full power in the evening."""
    hour = int(observation.time.astype("datetime64[h]").astype(int) % 24)
    power = community.charge_limit_kw
    wanted = power if 10 <= hour < 14 else -power if 17 <= hour < 21 else np.zeros(community.n_prosumers)
    return battery_intent(wanted, observation)


print(check_host(host))
print(as_table(alone_and_behind(host, policy)))

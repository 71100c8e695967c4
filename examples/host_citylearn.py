"""A year of CityLearn 3 under its own agent, alone and behind the controller: python host_citylearn.py DATA [STEPS]."""

import sys
import tempfile
from pathlib import Path

import numpy as np
from citylearn.agents.rbc import BasicBatteryRBC
from citylearn.citylearn import CityLearnEnv

from autonomy import Supervisor
from autonomy.benchmark.simulator.citylearn_peer import translate
from autonomy.hosts import alone_and_behind, as_table, battery_intent
from autonomy.hosts.citylearn import CityLearnHost, accuracy_of, community_of

schema = translate(Path(sys.argv[1]), Path(tempfile.mkdtemp()))
env = CityLearnEnv(str(schema), central_agent=True, random_seed=0, active_observations=["hour"])
community = community_of(env, import_limit_kw=34.0, export_limit_kw=24.0, connection_limit_kw=15.0)
host = CityLearnHost(env, community, feed_in_price=0.06, start=np.datetime64("2016-08-01T00:00"))
agent = BasicBatteryRBC(env)


def policy(_, observation):
    """Want what CityLearn's agent wants."""
    return battery_intent(host.fractions_kw(agent.predict(host.observations)), observation)


steps = int(sys.argv[2]) if len(sys.argv) > 2 else None
supervisor = Supervisor(accuracy=accuracy_of(env))
print(as_table(alone_and_behind(host, policy, supervisor=supervisor, steps=steps)))

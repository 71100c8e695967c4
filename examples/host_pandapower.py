"""Days of a SimBench grid in pandapower, a policy alone and behind the controller: python host_pandapower.py [DAYS]."""

import sys

import numpy as np
import simbench

from autonomy import Supervisor
from autonomy.hosts import alone_and_behind, as_table, battery_intent
from autonomy.hosts.pandapower_host import ACCURACY, PandapowerHost
from autonomy.hosts.pandapower_net import community_of, simbench_profiles
from autonomy.hosts.simbench import BATTERY

days = int(sys.argv[1]) if len(sys.argv) > 1 else 7
net = simbench.get_simbench_net("1-LV-rural1--0-sw")
profiles = simbench_profiles(net, first=96 * 147, steps=96 * days)  # from Friday 27 May 2016 on
host = PandapowerHost(net, profiles, community_of(net, profiles, **BATTERY))


def policy(community, observation):
    """Charge at full power at night, discharge at full power at noon, when everybody's PV feeds in."""
    hour = int(observation.time.astype("datetime64[h]").astype(int) % 24)
    power = community.charge_limit_kw
    wanted = power if hour < 4 else -power if 11 <= hour < 14 else np.zeros(community.n_prosumers)
    return battery_intent(wanted, observation)


print(as_table(alone_and_behind(host, policy, supervisor=Supervisor(accuracy=ACCURACY))))

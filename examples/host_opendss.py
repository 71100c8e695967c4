"""A week in OpenDSS under a policy that looks at the clock, alone and behind the controller: python host_opendss.py."""

import numpy as np

from autonomy import Supervisor
from autonomy.benchmark.physics.case import fontana
from autonomy.hosts import alone_and_behind, as_table, battery_intent
from autonomy.hosts.opendss_host import ACCURACY, OpenDssHost

case = fontana()
host = OpenDssHost(case.community, case.grid, case.scenario)


def policy(community, observation):
    """Charge at full power at noon, discharge at full power in the evening."""
    hour = int(observation.time.astype("datetime64[h]").astype(int) % 24)
    power = community.charge_limit_kw
    wanted = power if 10 <= hour < 14 else -power if 17 <= hour < 21 else np.zeros(community.n_prosumers)
    return battery_intent(wanted, observation)


print(as_table(alone_and_behind(host, policy, supervisor=Supervisor(accuracy=ACCURACY))))

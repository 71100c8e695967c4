"""OpenDSS and a policy in HELICS, a step apart: alone, projected too early, and in time: python host_helics.py."""

from autonomy import Controller, Supervisor
from autonomy.benchmark.physics.case import fontana
from autonomy.hosts import as_table, battery_intent, tally
from autonomy.hosts.helics_federates import federate
from autonomy.hosts.late import Feeder, Remote
from autonomy.hosts.opendss_host import ACCURACY, OpenDssHost

case, supervisor, runs = fontana(), Supervisor(accuracy=ACCURACY), {}


def policy(community, observation):
    """Charge at full power at noon, discharge at full power in the evening."""
    hour = int(observation.time.astype("datetime64[h]").astype(int) % 24)
    return battery_intent(community.charge_limit_kw * ((10 <= hour < 14) - float(17 <= hour < 21)), observation)


late = Controller(case.community, policy=policy, supervisor=supervisor)
for name, decides, shield in (("alone", policy, False), ("too early", late, False), ("in time", policy, True)):
    feeder = Feeder(OpenDssHost(case.community, case.grid, case.scenario), is_shielded=shield, supervisor=supervisor)
    federate(feeder, Remote(case.community, decides), steps=168, with_cuts=decides is late)
    runs[name] = tally(feeder.host, feeder.steps)
print(as_table(runs))

"""Days in pandapower's own loop, a policy alone and behind the controller: host_pandapower_timeseries.py [DAYS]."""

import sys

import simbench
from pandapower.timeseries import run_timeseries

from autonomy import Controller, Supervisor
from autonomy.hosts import Bare, as_table, battery_intent, tally
from autonomy.hosts.pandapower_control import ACCURACY, CommunityControl
from autonomy.hosts.pandapower_net import community_of, profiles_of
from autonomy.hosts.simbench import BATTERY

week = range(96 * 147, 96 * (147 + int((*sys.argv, 7)[1])))  # from Friday 27 May 2016 on
net = simbench.get_simbench_net("1-LV-rural1--0-sw")
simbench.apply_const_controllers(net, simbench.get_absolute_values(net, profiles_instead_of_study_cases=True))
community = community_of(net, profiles_of(net, time_steps=week, timestep_h=0.25), **BATTERY)


def policy(community, seen):  # noqa: D103 - charges until four, discharges from eleven to two
    hour = int(seen.time.astype("M8[h]").astype(int) % 24)
    return battery_intent(((hour < 4) - (11 <= hour < 14)) * community.charge_limit_kw, seen)


behind, runs = Controller(community, policy=policy, supervisor=Supervisor(accuracy=ACCURACY)), {}
control = CommunityControl(net, behind, start="2016-01-01")
for name, control.controller in (("alone", Bare(community, policy)), ("behind the controller", behind)):
    run_timeseries(net, time_steps=week, verbose=False)
    runs[name] = tally(control, control.steps)
print(as_table(runs))

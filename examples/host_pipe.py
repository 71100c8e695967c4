"""CityLearn 3 in an interpreter without ours: python host_pipe.py OUR_PYTHON COMMUNITY.toml SCHEMA.json [STEPS]."""

import json
import subprocess
import sys

from citylearn.citylearn import CityLearnEnv

command = [sys.argv[1], "-m", "autonomy.hosts.pipe", sys.argv[2], "--policy", "self-consumption"]
shield = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
env = CityLearnEnv(sys.argv[3], central_agent=True, random_seed=0)
env.reset()
homes, peak = env.buildings, 0.0
for _ in range(int(sys.argv[4]) if len(sys.argv) > 4 else 168):
    k = env.time_step
    power = [min(home.electrical_storage.get_max_input_power(), 5.0) for home in homes]
    seen = {
        "demand_kw": [float(home.non_shiftable_load[k]) for home in homes],
        "pv_kw": [-float(home.solar_generation[k]) for home in homes],
        "soc": [float(home.electrical_storage.soc[k]) for home in homes],
        "retail_price": float(homes[0].pricing.electricity_pricing[k]),
        "feed_in_price": 0.06,
        "limits": {"charge_limit_kw": power, "discharge_limit_kw": power, "can_curtail": False, "can_shed": False},
    }
    print(json.dumps(seen), file=shield.stdin, flush=True)
    decision = json.loads(shield.stdout.readline())
    env.step([[kw / homes[i].electrical_storage.nominal_power for i, kw in enumerate(decision["battery_kw"])]])
    peak = max(peak, abs(sum(float(home.net_electricity_consumption[k]) for home in homes)))
print(f"{env.time_step} steps, the feeder carried {peak:.1f} kW at most, the last decision was {decision['mode']}")

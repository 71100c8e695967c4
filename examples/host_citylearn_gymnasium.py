"""Random actions on CityLearn's Gymnasium face, bare and wrapped: python host_citylearn_gymnasium.py DATA [STEPS]."""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from citylearn.citylearn import CityLearnEnv
from citylearn.wrappers import StableBaselines3Wrapper

from autonomy.benchmark.simulator.citylearn_peer import translate
from autonomy.hosts.citylearn import CityLearnHost, community_of

schema, steps = translate(Path(sys.argv[1]), Path(tempfile.mkdtemp())), int([*sys.argv, 168][2])
print("| actions | steps | steps over a limit | worst, kW | cut, kWh | cost | CPU ms a step |\n|---|" + 6 * "---:|")
for name in ("as they are", "in a SafetyWrapper"):
    env = CityLearnEnv(str(schema), central_agent=True, random_seed=0)
    host = CityLearnHost(env, community_of(env, import_limit_kw=34.0, export_limit_kw=24.0), feed_in_price=0.06)
    face = StableBaselines3Wrapper(env) if name == "as they are" else host.safe(StableBaselines3Wrapper(env))
    face.reset(seed=0)
    random, cut, began = np.random.default_rng(0), 0.0, time.process_time()
    for _ in range(steps):
        safety = face.step(random.uniform(-1, 1, 17).astype(np.float32))[-1].get("safety", {})
        cut += sum(float(np.sum(safety.get(what, 0.0))) for what in ("curtail_kw", "shed_kw"))
    ms, feeder = 1e3 * (time.process_time() - began) / steps, np.array(env.net_electricity_consumption[:steps])
    over = np.maximum(np.maximum(feeder - 34.0, -24.0 - feeder), 0.0)
    cost = sum(home.net_electricity_consumption_cost[:steps].sum() for home in env.buildings)
    print(f"| {name} | {steps} | {(over > 1e-3).sum()} | {over.max():.3f} | {cut:.1f} | {cost:.2f} | {ms:.2f} |")

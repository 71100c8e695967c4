"""gym-anm under random full-range actions, alone and behind SafetyWrapper: python host_gymnasium.py [STEPS]."""

import sys
from statistics import median
from time import perf_counter

import gymnasium

from autonomy.hosts.gym_anm import shielded

steps, env = int((*sys.argv, 288)[1]), gymnasium.make("gym_anm:ANM6Easy-v0")  # three days
columns = ("run", "steps", "steps over a limit", "said before", "collapses", "reward", "ms per step")
print(f"| {' | '.join(columns)} |\n|---|{6 * '---:|'}")
for name, world in (("alone", env), ("behind SafetyWrapper", shielded(env))):
    world.reset(seed=1)
    env.action_space.seed(1)
    over = said = collapses = reward = 0
    times = []
    for _ in range(steps):
        began = perf_counter()
        _, got, ended, _, info = world.step(env.action_space.sample())
        times.append(1e3 * (perf_counter() - began))
        is_over, told = env.unwrapped.penalty > 0, str(info.get("safety"))
        over, said = over + is_over, said + (is_over and "a limit is exceeded" in told)
        collapses, reward = collapses + ended, reward + got
        if ended:
            world.reset()
    print(f"| {name} | {steps} | {over} | {said} | {collapses} | {reward:,.1f} | {median(times):.1f} |")

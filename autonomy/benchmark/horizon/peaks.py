"""Days with a peak: instances of the look-ahead program that neither the one-step answer nor a greedy plan settles.

Both communities start at an hour from which the import limit is exceeded within the next quarter of the horizon and
again in its last steps, with half-empty batteries and a policy that wants to discharge most of them. An instance is
used only when `Lookahead` itself has to solve its program over the whole horizon.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autonomy.errors import AutonomyError
from autonomy.layers.arrays import Index, Matrix
from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.layers.observation import Forecast
from autonomy.layers.projection.lookahead import BLOCK, Lookahead
from autonomy.layers.projection.question import Question
from autonomy.layers.supervision import Screen
from autonomy.scenario import Scenario

DAY_H = 24
"""Hours that a horizon covers, whatever its number of steps."""
DEMO_SIZE = 17
"""Prosumers of the community that ships with the package; a case of this size is drawn from its year."""
TRIES = 4_000
"""Draws before a case is given up."""
DAYS = 40
"""Days of a random community."""
OVER = 0.85
"""Import limit of a random community over the median of its daily peaks."""
EMPTIEST, FULLEST = 0.05, 0.5
"""Range of the states of charge."""


class NoPeakError(AutonomyError):
    """No instance was found that needs its program."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What instances are drawn from.

    Attributes:
        n: Prosumers.
        steps: H, steps of the horizon; together a day.
        seed: Of all that is random.
    """

    n: int
    steps: int
    seed: int

    @property
    def community(self) -> str:
        """Where the days come from."""
        return "demo" if self.n == DEMO_SIZE else "random"


def draw(case: Case, count: int) -> tuple[Question, ...]:
    """Return so many instances with one structure.

    Raises:
        NoPeakError: there are not so many, or not found in time.
    """
    random = np.random.default_rng([case.seed, case.n, case.steps])
    community, demand, pv = _demo(case.steps) if case.community == "demo" else _random(case, random)
    starts = _starts(community, demand - pv, case.steps)
    if not starts.size:
        raise NoPeakError(f"no day of N = {case.n}, H = {case.steps} has a peak soon and another at its end")
    lookahead, screen, found = Lookahead(community, horizon=case.steps), Screen(community), list[Question]()
    price = np.full(community.n_prosumers, 0.3)
    for _ in range(TRIES):
        k = int(random.choice(starts))
        soc = random.uniform(EMPTIEST, FULLEST, community.n_prosumers)
        intent = random.uniform(-1.0, 0.3, community.n_prosumers) * community.discharge_limit_kw
        seen = {"demand_kw": demand[k], "pv_kw": pv[k], "soc": soc, "retail_price": price, "feed_in_price": price / 5}
        situation = screen(seen, np.zeros(community.n_prosumers))
        later = slice(k + 1, k + 1 + case.steps)
        energy = soc * community.battery_capacity_kwh
        asked = lookahead.pose(situation, _known(demand[later], pv[later]), energy, intent)
        if isinstance(asked, Question) and asked.prepared.structure.steps == case.steps:
            found.append(asked)
        if len(found) == count:
            return tuple(found)
    raise NoPeakError(f"{len(found)} of {TRIES} draws of N = {case.n}, H = {case.steps} needed the program")


def _starts(community: Community, net_kw: Matrix, steps: int) -> Index:
    """Return the steps from which the import limit is exceeded soon, and again at the horizon's end."""
    over = net_kw.sum(axis=1) > community.network.import_limit_kw[0]
    soon, last = steps // 4, min(BLOCK, steps)
    return np.array(
        [
            k
            for k in range(over.size - steps - 1)
            if over[k + 1 : k + 1 + soon].any() and over[k + 1 + steps - last : k + 1 + steps].any()
        ],
        dtype=np.int64,
    )


def _demo(steps: int) -> tuple[Community, Matrix, Matrix]:
    """Return the shipped community and its year; hours are held where steps are shorter."""
    community, scenario = Community.demo(), Scenario.demo()
    repeats = max(steps // DAY_H, 1)
    demand, pv = (np.repeat(table, repeats, axis=0) for table in (scenario.demand_kw, scenario.pv_kw))
    return replace(community, timestep_h=community.timestep_h / repeats), demand, pv


def _random(case: Case, random: np.random.Generator) -> tuple[Community, Matrix, Matrix]:
    """Return homes with batteries of three sizes, and days with sun at noon and a peak in the evening."""
    repeats, hours = max(case.steps // DAY_H, 1), np.arange(DAYS * DAY_H) % DAY_H
    evening = np.exp(-(((hours - 19) / 2) ** 2))
    day = np.repeat(random.uniform(0.9, 1.2, DAYS), DAY_H)
    demand = (0.8 + 2.0 * day * evening)[:, None] * random.gamma(4.0, 0.25, (hours.size, case.n))
    sun = np.maximum(np.sin(np.pi * (hours - 6) / 12), 0.0)
    pv = sun[:, None] * random.uniform(0.0, 2.0, case.n)
    peaks = (demand - pv).sum(axis=1).reshape(DAYS, DAY_H).max(axis=1)
    limit_kw = OVER * float(np.median(peaks))
    home: dict[str, Any] = {
        "battery_capacity_kwh": random.choice([5.0, 6.4, 10.0], case.n),
        "charge_limit_kw": 5.0,
        "discharge_limit_kw": 5.0,
        "charge_efficiency": random.uniform(0.9, 0.97, case.n),
        "discharge_efficiency": random.uniform(0.9, 0.97, case.n),
        "soc_min": 0.05,
        "network": Network.single_feeder(n_prosumers=case.n, import_limit_kw=limit_kw),
        "timestep_h": 1.0 / repeats,
    }
    community = Community(**home)
    return community, np.repeat(demand, repeats, axis=0), np.repeat(pv, repeats, axis=0)


def _known(demand_kw: Matrix, pv_kw: Matrix) -> Forecast:
    """Return the forecast of someone who knows the day."""
    price = np.full(demand_kw.shape[0], 0.3)
    return Forecast(
        demand_kw=demand_kw,
        demand_low_kw=demand_kw,
        demand_high_kw=demand_kw,
        pv_kw=pv_kw,
        pv_low_kw=pv_kw,
        pv_high_kw=pv_kw,
        coverage=1.0,
        retail_price=price,
        feed_in_price=price / 5,
    )

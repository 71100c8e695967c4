"""A home that reports more surplus than it has, to sell what it does not generate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autonomy.layers.community import Community
from autonomy.layers.observation import Observation
from autonomy.rollout import Tamper
from autonomy.scenarios.base import demo_weeks, dice_of, drawn
from autonomy.scenarios.named import NamedScenario

NAME = "liar"
SENTENCE = "All week by daylight one home with PV reports 3 kW more generation than it has."
LIE_KW = 3.0


def build(seed: int, *, held_out: bool) -> NamedScenario:
    """Return the scenario."""
    dice = dice_of(NAME, seed)
    week = drawn(demo_weeks(held_out=held_out), dice)
    liar = int(dice.choice(np.flatnonzero(week.pv_kw.max(axis=0) > 0)))
    return NamedScenario(
        name=NAME,
        seed=seed,
        sentence=SENTENCE,
        community=Community.demo(),
        scenario=week,
        tamper=boasting(liar, LIE_KW),
    )


def boasting(prosumer: int, more_kw: float) -> Tamper:
    """Return what adds `more_kw` to the generation that a prosumer reports, wherever it generates at all."""

    def tamper(observation: Observation, _: int) -> Observation:
        pv = np.array(observation.pv_kw)
        pv[prosumer] += more_kw if pv[prosumer] > 0 else 0.0
        return replace(observation, pv_kw=pv)

    return tamper

"""Neighbours who all want everything at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.layers.community import Community
from autonomy.layers.observation import Observation
from autonomy.scenarios.base import demo_weeks, dice_of, drawn
from autonomy.scenarios.named import NamedScenario

NAME = "greedy-neighbours"
SENTENCE = (
    "In every step of a week every home asks to charge at full power and to buy all that its connection carries, "
    "at the retail price."
)


def build(seed: int, *, held_out: bool) -> NamedScenario:
    """Return the scenario."""
    week = drawn(demo_weeks(held_out=held_out), dice_of(NAME, seed))
    return NamedScenario(
        name=NAME, seed=seed, sentence=SENTENCE, community=Community.demo(), scenario=week, policy=ask_for_everything
    )


def ask_for_everything(community: Community, observation: Observation) -> Any:
    """Return (N, 3): charge at the limit, buy what the connection carries, bid the retail price."""
    return np.column_stack([community.charge_limit_kw, -community.connection_limit_kw, observation.retail_price])

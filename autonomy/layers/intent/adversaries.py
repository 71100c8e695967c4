"""Policies that want nothing good: the guarantees must hold under them too."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.layers.community import Community
from autonomy.layers.observation import Observation


class RandomPolicy:
    """Uniform noise, twice as large as any limit allows.

    Attributes:
        seed: Seed of the generator; the same seed gives the same run.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)

    def __call__(self, community: Community, observation: Observation) -> Any:
        """Return an array (N, 3) of noise."""
        size = community.n_prosumers
        power = 2.0 * np.maximum(community.charge_limit_kw, community.discharge_limit_kw)
        top = 2.0 * observation.retail_price + 1.0
        return np.column_stack(
            [
                self._random.uniform(-power, power, size),
                self._random.uniform(-20.0, 20.0, size),
                self._random.uniform(-top, top, size),
            ]
        )


class AdversarialPolicy:
    """Everything a broken or hostile policy can do, one after the other: see `ATTACKS`."""

    def __init__(self) -> None:
        self._step = 0

    def __call__(self, community: Community, observation: Observation) -> Any:
        """Return the next attack's answer, or raise."""
        attack = ATTACKS[self._step % len(ATTACKS)]
        self._step += 1
        return attack(community, observation)


def _constant(value: float) -> Any:
    return lambda community, _: np.full((community.n_prosumers, 3), value)


def _one_nan(community: Community, _: Observation) -> Any:
    answer = np.ones((community.n_prosumers, 3))
    answer[0] = np.nan
    return answer


def _raise(_: Community, __: Observation) -> Any:
    raise RuntimeError("this policy always fails")


def _charge_at_peak(community: Community, observation: Observation) -> Any:
    power = np.where(observation.retail_price >= 0.4, community.charge_limit_kw, -community.discharge_limit_kw)
    return np.column_stack([power, -1e3 * np.ones_like(power), 1e3 * np.ones_like(power)])


def _alternate(community: Community, _: Observation) -> Any:
    sign = np.where(np.arange(community.n_prosumers) % 2 == 0, 1.0, -1.0)
    return np.column_stack([1e6 * sign, -1e6 * sign, -sign])


ATTACKS = (
    _constant(np.nan),
    _constant(1e308),
    _constant(-1e308),
    _constant(np.inf),
    _constant(-np.inf),
    lambda community, _: np.zeros((community.n_prosumers + 1, 3)),
    lambda _, __: "charge!",
    lambda _, __: None,
    _raise,
    _one_nan,
    _charge_at_peak,
    _alternate,
    _constant(5e-324),
)

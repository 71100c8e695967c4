"""Communities that learn together: several `make_vec` side by side, with actions and rewards of their own.

    raw action ─▶ translated ─▶ make_vec of each place ─▶ difference reward + shaping − penalty

Rewards are without a unit, so that streets with small and large batteries weigh alike: currency is divided by the mean
retail price times the own usable capacity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from autonomy.environments.vector import CommunityVecEnv, make_vec
from autonomy.layers.arrays import Index, Vector
from autonomy.learning.reinforcement.action import translated
from autonomy.learning.reinforcement.recipe import Recipe
from autonomy.learning.reinforcement.reward import Moment, changed_kw, difference, feeder_of, shaping, spare_kw
from autonomy.variation import Place

Info = dict[str, Any]
WEIGHTS = "carbon_weight", "overload_weight", "wear_weight", "shed_weight"
"""Those of `Economics` that a recipe sets."""


@dataclass(slots=True)
class Tally:
    """Means over the prosumer-steps since it was last emptied.

    Attributes:
        count: Prosumer-steps.
        reward: Sum of rewards.
        changed_kw: Sum of what Layer 2 changed.
    """

    count: int = 0
    reward: float = 0.0
    changed_kw: float = 0.0

    def emptied(self) -> tuple[float, float]:
        """Return the means, and begin anew."""
        means = self.reward / max(self.count, 1), self.changed_kw / max(self.count, 1)
        self.count, self.reward, self.changed_kw = 0, 0.0, 0.0
        return means


class House:
    """A place that is played by some copies at once.

    Args:
        place: Community and data.
        forecast: Kind of forecast.
        recipe: What is paid.
    """

    def __init__(self, place: Place, forecast: str, recipe: Recipe) -> None:
        economics = replace(place.economics, **{name: getattr(recipe, name) for name in WEIGHTS})
        self.vec = make_vec(
            n_communities=recipe.copies,
            community=place.community,
            scenario=place.year.with_forecast(forecast),
            economics=economics,
            episode_steps=round(recipe.episode_h / place.community.timestep_h),
        )
        community, series = place.community, place.year.series
        self._recipe, self._community, self._series = recipe, community, series
        self._feeder = feeder_of(community, economics, float(series.retail_price.mean()))
        self._usable_kwh = community.energy_max_kwh - community.energy_min_kwh
        unit = float(series.retail_price.mean()) * self._usable_kwh
        self._per_unit = np.divide(1.0, unit, out=np.zeros(unit.shape), where=unit > 0)

    def step(self, action: Vector, tally: Tally) -> tuple[Any, Vector, Any, list[Info]]:
        """Play a step with (B·N, 3) actions of `make_vec`; return what it returns, with the rewards of the module."""
        simulator, recipe = self.vec.simulator, self._recipe
        row, before = simulator.row.copy(), simulator.energy_kwh
        seen, _, done, infos = self.vec.step(action)
        outcome = self.vec.outcome
        if outcome is None:
            raise RuntimeError("a step without an outcome")
        power = action[:, 0].reshape(outcome.battery_kw.shape)
        series, limits = self._series, (self._community.charge_limit_kw, self._community.discharge_limit_kw)
        moment = Moment(
            surplus_kw=(series.pv_kw[row] - series.demand_kw[row]).sum(axis=1),
            battery_kw=outcome.battery_kw,
            wanted_kw=np.where(power >= 0, power * limits[0], power * limits[1]),
            retail=series.retail_price[row],
            feed_in=series.feed_in_price[row],
            carbon_kg_per_kwh=series.carbon_kg_per_kwh[row],
            spare_kw=spare_kw(before, outcome.battery_kw, self._community),
        )
        if recipe.own_effect:
            paid = difference(self._feeder, moment) * self._per_unit
        else:
            paid = outcome.reward.total(self.vec.economics)[:, None] / moment.battery_kw.shape[1] * self._per_unit
        gained = shaping(self._potential(before), self._potential(outcome.energy_kwh), self.discount)
        changed = changed_kw(moment)
        relative = np.divide(changed, self._usable_kwh, out=np.zeros(changed.shape), where=self._usable_kwh > 0)
        rewards = paid + gained - recipe.penalty * self._community.timestep_h * relative
        tally.count += rewards.size
        tally.reward += float(rewards.sum())
        tally.changed_kw += float(changed.sum())
        return seen, rewards.reshape(-1), done, infos

    @property
    def discount(self) -> float:
        """γ of a step."""
        return float(self._recipe.discount**self._community.timestep_h)

    def _potential(self, energy_kwh: Vector) -> Vector:
        """Return (B, N) Φ in the reward's unit: the stored share of the usable capacity, times its worth."""
        stored = energy_kwh - self._community.energy_min_kwh
        usable = self._usable_kwh
        share = np.divide(stored, usable, out=np.zeros(stored.shape), where=usable > 0)
        worth: Vector = self._recipe.potential * share
        return worth


class Street(VecEnv):
    """All houses' prosumers as sub-environments of one policy; observations are those of `make_vec`.

    Args:
        places: Communities with the series to learn from, of one time step.
        recipe: Forecasts, copies, what an action means, what is paid.

    Attributes:
        tally: Of what was paid and changed.
        communities: (B·N,) number of the community that each prosumer is in, ascending.
    """

    def __init__(self, places: Sequence[Place], recipe: Recipe) -> None:
        kinds = recipe.forecasts
        self._houses = [House(place, kinds[k % len(kinds)], recipe) for k, place in enumerate(places)]
        self._meaning, self.tally = recipe.meaning, Tally()
        sizes = [house.vec.num_envs for house in self._houses]
        self._ends = np.cumsum(sizes)
        homes = [house.vec.community.n_prosumers for house in self._houses for _ in range(house.vec.n_communities)]
        self.communities: Index = np.repeat(np.arange(len(homes)), homes)
        self._parts = [slice(end - size, end) for end, size in zip(self._ends.tolist(), sizes, strict=True)]
        first = self._houses[0].vec
        self._seen: NDArray[np.float32] = np.empty((0, 0), dtype=np.float32)
        self._raw: NDArray[Any] = np.empty((0, 3))
        super().__init__(sum(sizes), first.observation_space, first.action_space)

    def reset(self) -> NDArray[np.float32]:
        """Begin an episode everywhere; a seed that was set serves all houses, each with a stream of its own."""
        if self._seeds[0] is not None:
            seeds = np.random.SeedSequence(self._seeds[0]).generate_state(len(self._houses))
            for house, seed in zip(self._houses, seeds.tolist(), strict=True):
                house.vec.seed(seed)
        self._seen = np.concatenate([house.vec.reset() for house in self._houses])
        self.reset_infos = [{} for _ in range(self.num_envs)]
        self._reset_seeds()
        return self._seen

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take (B·N, 3) actions in the recipe's meaning."""
        self._raw = actions

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[Info]]:
        """Play the step."""
        action = translated(self._seen, self._raw, self._meaning)
        played = [house.step(action[part], self.tally) for house, part in zip(self._houses, self._parts, strict=True)]
        self._seen = np.concatenate([seen for seen, _, _, _ in played])
        rewards = np.concatenate([rewards for _, rewards, _, _ in played]).astype(np.float32)
        done = np.concatenate([done for _, _, done, _ in played])
        return self._seen, rewards, done, [info for _, _, _, infos in played for info in infos]

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Set the seed of the next reset."""
        self._seeds = [seed] * self.num_envs
        return self._seeds

    def close(self) -> None:
        """Do nothing: there is nothing open."""

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """Return an attribute of prosumers."""
        return [vec.get_attr(attr_name, place)[0] for vec, place in self._chosen(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        """Set an attribute of prosumers."""
        for vec, place in self._chosen(indices):
            vec.set_attr(attr_name, value, place)

    def env_method(
        self, method_name: str, *method_args: Any, indices: int | Iterable[int] | None = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of prosumers."""
        chosen = self._chosen(indices)
        return [vec.env_method(method_name, *method_args, indices=place, **method_kwargs)[0] for vec, place in chosen]

    def env_is_wrapped(self, wrapper_class: type, indices: int | Iterable[int] | None = None) -> list[bool]:  # noqa: ARG002 - no prosumer is wrapped
        """Return False for each prosumer."""
        return [False for _ in self._get_indices(indices)]

    def _chosen(self, indices: int | Iterable[int] | None) -> list[tuple[CommunityVecEnv, int]]:
        found = []
        for index in self._get_indices(indices):
            house = int(np.searchsorted(self._ends, index, side="right"))
            found.append((self._houses[house].vec, index - self._parts[house].start))
        return found

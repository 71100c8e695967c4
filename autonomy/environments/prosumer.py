"""What can be asked of one prosumer among many: a sub-environment of `make_vec`, as far as it has a life of its own."""

from __future__ import annotations

from typing import Any

import gymnasium

from autonomy.environments.episodes import Episodes
from autonomy.layers.community import Community


class Prosumer:
    """Prosumer i of community b. Attributes may be added, as VecEnv's `set_attr` does; what is derived is read-only.

    Args:
        episodes: The communities.
        community_number: b.
        number: i.
        observation_space: Of its observations.
        action_space: Of its actions.
    """

    render_mode: str | None = None
    spec: Any = None

    def __init__(
        self,
        episodes: Episodes,
        community_number: int,
        number: int,
        observation_space: gymnasium.spaces.Box,
        action_space: gymnasium.spaces.Box,
    ) -> None:
        self._episodes, self._b, self._i = episodes, community_number, number
        self.observation_space, self.action_space = observation_space, action_space

    @property
    def name(self) -> str:
        """Its name in the community."""
        return self.community.names[self._i]

    @property
    def community(self) -> Community:
        """The community that it is one of."""
        return self._episodes.community

    @property
    def community_number(self) -> int:
        """Which of the communities it belongs to."""
        return self._b

    @property
    def number(self) -> int:
        """Its place in the community."""
        return self._i

    @property
    def window(self) -> str:
        """The name of the window that its community plays."""
        return self._episodes.windows[int(self._episodes.simulator.window[self._b])].label

    @property
    def step_number(self) -> int:
        """Steps that its community has played of the episode."""
        return int(self._episodes.simulator.step_number[self._b])

    @property
    def energy_kwh(self) -> float:
        """What its battery holds, kWh."""
        return float(self._episodes.simulator.energy_kwh[self._b, self._i])

    def observe(self) -> Any:
        """Return (D,) float32, its present observation."""
        return self._episodes.observe_each()[self._b, self._i]

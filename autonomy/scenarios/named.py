"""A named scenario: who, over which data, and what is odd about it."""

from __future__ import annotations

from dataclasses import dataclass

from autonomy.assets.timeline import Timeline
from autonomy.controller import Controller
from autonomy.layers.community import Community
from autonomy.layers.intent import Policy
from autonomy.rollout import Tamper, roll_out
from autonomy.scenario import Scenario
from autonomy.simulator import Simulator
from autonomy.trajectory import Trajectory

USUAL_POLICY = "self-consumption"
"""Who decides where a scenario is not about who does."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NamedScenario:
    """What happens, to whom; the same name and seed give the same.

    Attributes:
        name: Its name in `SCENARIOS`.
        seed: What it was drawn with.
        sentence: What happens, in one sentence.
        community: To whom.
        scenario: The window that is played, and the history before it.
        policy: Who decides, where that is the point; None for anybody.
        tamper: What comes between the meters and the controller; None for nothing.
        timeline: What changes from step to step beside data and prices; None for nothing.
    """

    name: str
    seed: int
    sentence: str
    community: Community
    scenario: Scenario
    policy: Policy | None = None
    tamper: Tamper | None = None
    timeline: Timeline | None = None

    def simulator(self) -> Simulator:
        """Return a simulator at the first step; what comes between it and a controller is `tamper`."""
        return Simulator(self.community, self.scenario, timeline=self.timeline)

    def play(self, policy: Policy | str | None = None) -> Trajectory:
        """Run the whole scenario through the controller and the simulator.

        Args:
            policy: Who decides; None for the scenario's own policy, or else self-consumption.

        Raises:
            ConfigError: no policy is called so.
        """
        chosen = policy if policy is not None else self.policy if self.policy is not None else USUAL_POLICY
        return roll_out(self.simulator(), Controller(self.community, policy=chosen), name=self.name, tamper=self.tamper)

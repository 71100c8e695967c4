"""A policy without Layers 2 and 3: its intent is executed as far as each battery can, whatever lines bear."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from autonomy.layers import physics
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision, Intent, Mode
from autonomy.layers.intent import Policy, read_answer
from autonomy.layers.observation import Observation
from autonomy.rollout import record
from autonomy.simulator import Outcome, Simulator
from autonomy.trajectory import Trajectory


class Unshielded:
    """Turns a policy's intent into a decision that looks at no limit but the battery's own.

    Args:
        policy: Any policy; where it raises, or its answer cannot be read, the batteries stand still.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def decide(self, simulator: Simulator, observation: Observation) -> Decision:
        """Return b clipped to blo..bhi, the trade as asked for and the price within [feed-in, retail].

        A battery's own management would do as much; nobody curtails or sheds.
        """
        community, size = simulator.community, simulator.community.n_prosumers
        intent = self._asked(community, observation) or _nothing(observation)
        box = physics.rated_box(community, simulator.energy_kwh, simulator.battery_kw)
        battery = np.clip(intent.battery_kw, box.lower_kw, box.upper_kw)
        no_cap = np.full(size, np.inf)
        return Decision(
            battery_kw=battery,
            trade_kw=intent.trade_kw,
            price_bid=np.clip(intent.price_bid, observation.feed_in_price, observation.retail_price),
            curtail_kw=np.zeros(size),
            shed_kw=np.zeros(size),
            net_export_kw=physics.net_export(observation.pv_kw, observation.demand_kw, battery),
            generation_cap_kw=no_cap,
            load_cap_kw=no_cap,
            mode=Mode.POLICY,
        )

    def _asked(self, community: Community, observation: Observation) -> Intent | None:
        try:
            return read_answer(self.policy(community, observation), community.n_prosumers).intent
        except Exception:  # noqa: BLE001 - a policy may raise anything; a host without a shield would do nothing then
            return None


def roll_out_unshielded(
    simulator: Simulator, unshielded: Unshielded, *, name: str, on_step: Callable[[], None] = lambda: None
) -> Trajectory:
    """Run a policy without its shield from the first step to the last; the record counts every rule it breaks."""
    simulator.reset()

    def steps() -> Iterator[tuple[Decision, Outcome, float]]:
        while not simulator.is_done:
            observation = simulator.observe()
            started = time.perf_counter()
            decision = unshielded.decide(simulator, observation)
            latency = time.perf_counter() - started
            yield decision, simulator.execute(decision), latency
            on_step()

    return record(simulator, name, steps())


def _nothing(observation: Observation) -> Intent:
    still = np.zeros(observation.demand_kw.size)
    return Intent(battery_kw=still, trade_kw=still, price_bid=observation.retail_price)

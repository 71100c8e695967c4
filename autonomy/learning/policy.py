"""The learned policy: networks of one kind, asked together, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Protocol

import numpy as np

from autonomy.allowance import allowance_of
from autonomy.economics import Economics
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Intent
from autonomy.layers.intent.rules import self_consumption
from autonomy.layers.observation import Observation
from autonomy.learning.card import Card
from autonomy.learning.features import LEAST_CAPACITY_KWH, community_features, own_features, stored_share
from autonomy.learning.gates import PRICE, TRADE, Battery, bid_price, intent_kw, reach_of
from autonomy.learning.network import Network
from autonomy.learning.views import battery_of, view_of


class Brain(Protocol):
    """What decides: `autonomy.learning.network.Network`, or a model of another make behind the same interface."""

    def gates(self, features: Vector, stored: Vector, own: Vector) -> Vector:
        """Return (*R, N, 5) in 0..1, see `autonomy.learning.gates`.

        Args:
            features: (*R, F), `community_features`.
            stored: (*R,) stored share of the usable capacity, 0..1.
            own: (*R, N, OWN), `own_features`.
        """
        ...


class LearnedPolicy:
    """Intents by the mean of the gates of one or more networks.

    Where there is no forecast, or one that makes no sense, it is self-consumption, and `fault` says why.

    Attributes:
        networks: Of equal shapes or not.
        economics: Prices that are not tariffs, told to the networks; those of the card before any others.
        card: Where the weights come from, and what they are good for.
        fault: Why the last step was not the networks' decision; empty when it was.

    Raises:
        ValueError: there is no network.
    """

    def __init__(self, networks: Sequence[Brain], economics: Economics | None = None, card: Card | None = None) -> None:
        if not networks:
            raise ValueError("a learned policy needs at least one network")
        self.networks, self.card = tuple(networks), card
        self.economics = replace(economics or Economics(), **({} if card is None else card.prices))
        self.fault = ""

    def __call__(self, community: Community, observation: Observation) -> Intent:
        """Return the intent of the step."""
        try:
            intent = self._intent(community, observation)
            if not np.isfinite(intent.battery_kw).all():
                raise ValueError("the networks' answer is not finite")
        except (ValueError, TypeError, ArithmeticError, AttributeError) as fault:  # a forecast may be anything
            self.fault = str(fault)
            return self_consumption(community, observation)
        self.fault = ""
        return intent

    def gates(self, features: Vector, stored: Vector, own: Vector) -> Vector:
        """Return (*R, N, 5) in 0..1, the mean over the networks; arguments as of `Brain.gates`."""
        gates = [network.gates(features, stored, own) for network in self.networks]
        mean: Vector = gates[0] if len(gates) == 1 else np.mean(gates, axis=0)
        return mean

    def _intent(self, community: Community, observation: Observation) -> Intent:
        limits = observation.limits
        battery = _battery_of(community) if limits is None else battery_of(community, allowance_of(community, limits))
        energy = np.where(battery.most_kwh > battery.least_kwh, observation.soc * community.battery_capacity_kwh, 0.0)
        capacity, stored = battery.most_kwh - battery.least_kwh, np.maximum(energy - battery.least_kwh, 0.0)
        load = observation.demand_kw - observation.pv_kw
        if not capacity.sum() > LEAST_CAPACITY_KWH:
            return self_consumption(community, observation)
        view = view_of(community, observation, self.economics, battery)
        share = np.minimum(stored_share(stored, capacity), 1.0)
        gates = self.gates(community_features(view), share, own_features(stored, load, capacity))
        reach = reach_of(np, energy, battery)
        surplus = -load.sum(keepdims=True)
        wanted = intent_kw(np, gates, reach, surplus, view.import_kw, view.export_kw)
        left = -load - wanted
        fee, feed_in, retail = self.economics.trade_fee_per_kwh, observation.feed_in_price, observation.retail_price
        return Intent(
            battery_kw=wanted,
            trade_kw=gates[:, TRADE] * left,
            price_bid=bid_price(np, gates[:, PRICE], feed_in, retail, fee, left < 0.0),
        )


def networks_of(policy: LearnedPolicy) -> tuple[Network, ...]:
    """Return the networks of a policy, none where any of them is a model of another make, which has no gradient."""
    found = tuple(network for network in policy.networks if isinstance(network, Network))
    return found if len(found) == len(policy.networks) else ()


@lru_cache(maxsize=64)
def _battery_of(community: Community) -> Battery:
    return battery_of(community)

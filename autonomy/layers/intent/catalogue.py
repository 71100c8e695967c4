"""The policies that come with the package, by name."""

from __future__ import annotations

from collections.abc import Callable

from autonomy.layers.errors import ConfigError, did_you_mean
from autonomy.layers.intent.adversaries import AdversarialPolicy, RandomPolicy
from autonomy.layers.intent.policy import Policy
from autonomy.layers.intent.rules import TimeOfUse, grid_only, self_consumption, self_consumption_individual

POLICIES: dict[str, Callable[[], Policy]] = {
    "grid-only": lambda: grid_only,
    "self-consumption": lambda: self_consumption,
    "self-consumption-individual": lambda: self_consumption_individual,
    "time-of-use": TimeOfUse,
    "random": RandomPolicy,
    "adversarial": AdversarialPolicy,
}


def named_policy(name: str) -> Policy:
    """Return a fresh policy by its name.

    Raises:
        ConfigError: no policy has that name.
    """
    if name not in POLICIES:
        known = ", ".join(POLICIES)
        raise ConfigError("policy", "", f"no policy is called {name!r}{did_you_mean(name, POLICIES)}; known: {known}")
    return POLICIES[name]()

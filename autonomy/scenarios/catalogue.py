"""The scenarios by name; a new one is one file and one line here."""

from __future__ import annotations

from typing import Protocol

from autonomy.layers.errors import ConfigError, did_you_mean
from autonomy.scenarios import (
    cloudy_week,
    ev_evening_peak,
    ev_fleet,
    everybody_exports,
    greedy_neighbours,
    grid_outage,
    heat_wave,
    liar,
    meter_down,
    price_spike,
)
from autonomy.scenarios.named import NamedScenario


class Build(Protocol):
    """Makes a scenario from a seed."""

    def __call__(self, seed: int, *, held_out: bool) -> NamedScenario:
        """Return the scenario, on a held-out week if asked."""


SCENARIOS: dict[str, Build] = {
    part.NAME: part.build
    for part in (
        cloudy_week,
        heat_wave,
        price_spike,
        grid_outage,
        greedy_neighbours,
        liar,
        meter_down,
        ev_evening_peak,
        ev_fleet,
        everybody_exports,
    )
}
"""From a name to what makes the scenario, in the order of docs/scenarios.md."""


def named(name: str, seed: int = 0, *, held_out: bool = False) -> NamedScenario:
    """Return the scenario of a name.

    Args:
        name: One of `SCENARIOS`.
        seed: Which week, which day, which home, how much: the same seed gives the same scenario.
        held_out: On a held-out week; for reporting only, nothing is trained or tuned on it.

    Raises:
        ConfigError: no scenario is called so.
        ModelError: the seed is no whole number >= 0.
    """
    if name not in SCENARIOS:
        known, hint = ", ".join(SCENARIOS), did_you_mean(name, SCENARIOS)
        raise ConfigError("scenario", "", f"no scenario is called {name!r}{hint}; known: {known}")
    return SCENARIOS[name](seed, held_out=held_out)

"""The host of docs/adding-a-host.md, and what is wrong with others that are nearly it."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from autonomy import Limits
from autonomy.hosts import Capabilities
from autonomy.hosts.verdict import APPLIED, BALANCE, CAPABILITIES, LIMITS, MISSING, RESET, SEED, SIGNALS, STORED

PAGE = Path(__file__).resolve().parent.parent / "docs" / "adding-a-host.md"


def _page() -> dict[str, Any]:
    """Return the names that the page's first three blocks define: the simulator, the community, the adapter."""
    blocks = re.findall(r"^```python[^\n]*\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    street = types.ModuleType("street")
    exec(compile(blocks[0], str(PAGE), "exec"), street.__dict__)  # noqa: S102 - our own page
    before = sys.modules.get("street")
    sys.modules["street"] = street
    try:
        names: dict[str, Any] = {}
        for block in blocks[1:3]:
            exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 - likewise
    finally:
        del sys.modules["street"]
        if before is not None:
            sys.modules["street"] = before
    return names


NAMES = _page()
Street, StreetHost, COMMUNITY = NAMES["Street"], NAMES["StreetHost"], NAMES["community"]


def street_host(**facts: Any) -> Any:
    return StreetHost(Street(**facts), COMMUNITY)


def acting(change: Callable[[Any], Any]) -> Any:
    """A host whose battery action is changed on its way."""

    class Changed(StreetHost):  # type: ignore[misc, valid-type]
        def from_decision(self, decision: Any) -> Any:
            action = super().from_decision(decision)
            return {**action, "battery": change(action["battery"])}

    return Changed(Street(), COMMUNITY)


def reading(**changes: Callable[[Any], Any]) -> Any:
    """A host of which some readings are changed."""

    class Misread(StreetHost):  # type: ignore[misc, valid-type]
        def to_observation(self, raw: Any) -> Any:
            seen = super().to_observation(raw)
            known = {name: getattr(seen, name) for name in changes if getattr(seen, name) is not None}
            return replace(seen, **{name: changes[name](value) for name, value in known.items()})

    return Misread(Street(), COMMUNITY)


def both(change: Callable[[Any], Any]) -> Any:
    """A host that makes one mistake twice: in the action and in what it says was applied."""
    host = acting(change)
    kind = type(host)

    class Echoing(kind):  # type: ignore[misc, valid-type]
        def to_observation(self, raw: Any) -> Any:
            seen = super().to_observation(raw)
            if seen.applied_battery_kw is None:
                return seen
            return replace(seen, applied_battery_kw=change(seen.applied_battery_kw))

    return Echoing(host.street, COMMUNITY)


class Late(StreetHost):  # type: ignore[misc, valid-type]
    """Carries an action out one step after it was decided."""

    def reset(self, *, seed: int | None = None) -> Any:
        self.held = np.zeros(3)
        return super().reset(seed=seed)

    def step(self, action: Any) -> Any:
        now, self.held = {**action, "battery": self.held}, action["battery"]
        return super().step(now)


class Stale(StreetHost):  # type: ignore[misc, valid-type]
    """Reads the state of charge of one step before."""

    def reset(self, *, seed: int | None = None) -> Any:
        raw = super().reset(seed=seed)
        self.old = raw["charge_percent"]
        return raw

    def step(self, action: Any) -> Any:
        raw = super().step(action)
        old, self.old = self.old, raw["charge_percent"]
        return {**raw, "charge_percent": old}


class Deaf(StreetHost):  # type: ignore[misc, valid-type]
    """Says that it can curtail and shed, and does not."""

    def from_decision(self, decision: Any) -> Any:
        no_cap = np.full(3, np.inf)
        return {**super().from_decision(decision), "solar_limit": no_cap, "load_limit": no_cap}


class Boastful(StreetHost):  # type: ignore[misc, valid-type]
    """Cannot curtail, and does not say so in its observations."""

    capabilities = Capabilities(curtail=False, shed=True)


class Forgetful(StreetHost):  # type: ignore[misc, valid-type]
    """Keeps its stored energy over a reset."""

    def reset(self, *, seed: int | None = None) -> Any:
        kept = self.street.stored_wh
        super().reset(seed=seed)
        if self.is_used:
            self.street.stored_wh = kept
        self.is_used = True
        return self.street.read()

    is_used = False


class Unseeded(StreetHost):  # type: ignore[misc, valid-type]
    """Draws from a random number generator that no seed reaches."""

    def step(self, action: Any) -> Any:
        self.street.solar_w[self.street.step_number + 1 :] *= np.random.default_rng().uniform(0.9, 1.0)
        return super().step(action)


class Derating(StreetHost):  # type: ignore[misc, valid-type]
    """Has inverters of 2 kW and keeps it to itself."""

    def reset(self, *, seed: int | None = None) -> Any:
        self.street.inverter_w = np.full(3, 2_000.0)
        return super().reset(seed=seed)


class Brittle(StreetHost):  # type: ignore[misc, valid-type]
    """Cannot express a decision with caps that hold whatever is measured."""

    def from_decision(self, decision: Any) -> Any:
        if decision.mode == "dead-stop":
            raise ValueError("no such mode")
        return super().from_decision(decision)


class Capless(StreetHost):  # type: ignore[misc, valid-type]
    """Cuts what is to be cut, and forgets the caps."""

    def from_decision(self, decision: Any) -> Any:
        no_cap = np.full(3, np.inf)
        return super().from_decision(replace(decision, generation_cap_kw=no_cap, load_cap_kw=no_cap))


class Limited(StreetHost):  # type: ignore[misc, valid-type]
    """States its inverters of 2 kW in every step: nothing is wrong with that."""

    def reset(self, *, seed: int | None = None) -> Any:
        self.street.inverter_w = np.full(3, 2_000.0)
        return super().reset(seed=seed)

    def to_observation(self, raw: Any) -> Any:
        limits = Limits(charge_limit_kw=2.0, discharge_limit_kw=2.0)  # type: ignore[arg-type]
        return replace(super().to_observation(raw), limits=limits)


def made(kind: Any) -> Callable[[], Any]:
    return lambda: kind(Street(), COMMUNITY)


HOUR_FRACTION = 0.25
FAULTS: dict[str, tuple[Callable[[], Any], str, str]] = {
    "wrong sign of the action": (lambda: acting(np.negative), APPLIED, "sign reversed"),
    "wrong scale of the action": (lambda: acting(lambda w: w * 0.9), APPLIED, "scale of 0.9"),
    "kW where W are meant": (lambda: acting(lambda w: w / 1000), APPLIED, "kW taken for W"),
    "kWh for kW": (lambda: acting(lambda w: w * HOUR_FRACTION), APPLIED, "kWh of a step where kW are meant"),
    "kW for kWh": (lambda: acting(lambda w: w / HOUR_FRACTION), APPLIED, "differ"),
    "one step late": (made(Late), APPLIED, "one step before"),
    "no action at all": (lambda: acting(np.zeros_like), APPLIED, "nothing at all"),
    "two homes exchanged": (lambda: acting(lambda w: w[[1, 0, 2]]), APPLIED, "differ"),
    "a limit kept secret": (made(Derating), APPLIED, "differ"),
    "a sign that was wrong twice": (lambda: both(np.negative), STORED, "sign reversed"),
    "kWh for kW, twice": (lambda: both(lambda p: p * HOUR_FRACTION), STORED, "differ"),
    "stale SoC": (made(Stale), STORED, "one step before"),
    "per cent": (lambda: reading(soc=lambda v: 100 * v), SIGNALS, "per cent"),
    "SoC of what is missing": (lambda: reading(soc=lambda v: 1 - v), STORED, "sign reversed"),
    "a meter that is + for imports": (lambda: reading(feeder_kw=np.negative), BALANCE, "sign reversed"),
    "a meter in kWh": (lambda: reading(feeder_kw=lambda v: v * HOUR_FRACTION), BALANCE, "kWh of a step"),
    "demand in kWh": (lambda: reading(demand_kw=lambda v: v * HOUR_FRACTION), BALANCE, "differ"),
    "net demand": (lambda: reading(demand_kw=lambda v: v - 2.0), SIGNALS, "below 0"),
    "a meter without a number": (lambda: reading(pv_kw=lambda v: v * np.nan), SIGNALS, "not finite"),
    "a missing row": (lambda: reading(pv_kw=lambda v: v[:2]), SIGNALS, "pv_kw has the shape (2,)"),
    "a clock of hours": (
        lambda: reading(time=lambda t: np.datetime64("2026-06-01T00", "m") + 4 * (t - np.datetime64("2026-06-01T00"))),
        SIGNALS,
        "time went on by 1 h",
    ),
    "cuts that are not made": (made(Deaf), CAPABILITIES, "curtail_kw"),
    "a power that it does not have": (made(Boastful), CAPABILITIES, "can_curtail"),
    "caps that are forgotten": (made(Capless), LIMITS, "dead stop"),
    "state that survives a reset": (made(Forgetful), RESET, "soc"),
    "randomness without a seed": (made(Unseeded), SEED, "pv_kw"),
    "no way to say dead stop": (made(Brittle), MISSING, "dead-stop"),
}
"""Each fault: a host that has it, the check that has to find it, and words that its finding has to say."""

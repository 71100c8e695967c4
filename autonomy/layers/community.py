"""The community: every prosumer's battery and connection, and the network they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from autonomy.layers.arrays import Mask, Vector, frozen, frozen_vector, require
from autonomy.layers.description import as_config_error, community_fields, read_document
from autonomy.layers.errors import ModelError
from autonomy.layers.network import Network
from autonomy.layers.storage import Storage

LEAST_RETENTION = 1e-3
"""Fraction of what is stored that a step must leave; a battery that loses more stores nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Community:
    """N prosumers behind a radial network. Scalars are repeated for every prosumer; all arrays are read-only.

    A pure consumer has `battery_capacity_kwh` 0 and both power limits 0.

    Attributes:
        battery_capacity_kwh: (N,) kWh >= 0.
        charge_limit_kw: (N,) kW >= 0, P⁺.
        discharge_limit_kw: (N,) kW >= 0, P⁻.
        network: The lines and who is below them; it fixes N.
        charge_efficiency: (N,) one-way, in (0, 1], ec.
        discharge_efficiency: (N,) one-way, in (0, 1], ed; the round trip is ec·ed.
        soc_min: (N,) fraction of the capacity, 0..1.
        soc_max: (N,) fraction of the capacity, soc_min..1.
        ramp_limit_kw: (N,) kW per step > 0, largest change of battery power between two steps; inf for none.
        connection_limit_kw: (N,) kW > 0, K: |net export| of the prosumer; inf for none.
        self_discharge_per_h: (N,) fraction of what is stored that an hour takes, in [0, 1).
        timestep_h: Hours > 0, the length of a step.
        names: N different names; "prosumer-1" and so on when not given.

    Raises:
        ModelError: a field has the wrong shape or is out of its range; the message names it.
    """

    battery_capacity_kwh: Vector
    charge_limit_kw: Vector
    discharge_limit_kw: Vector
    network: Network
    charge_efficiency: Vector = 1.0  # type: ignore[assignment]  # scalars become arrays in __post_init__
    discharge_efficiency: Vector = 1.0  # type: ignore[assignment]
    soc_min: Vector = 0.0  # type: ignore[assignment]
    soc_max: Vector = 1.0  # type: ignore[assignment]
    ramp_limit_kw: Vector = np.inf  # type: ignore[assignment]
    connection_limit_kw: Vector = np.inf  # type: ignore[assignment]
    self_discharge_per_h: Vector = 0.0  # type: ignore[assignment]
    timestep_h: float = 1.0
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.network, Network):
            raise ModelError("network", self.network, "a Network")
        size = self.network.n_prosumers
        for name in ARRAY_FIELDS:
            object.__setattr__(self, name, frozen_vector(name, getattr(self, name), size))
        for name in ("battery_capacity_kwh", "charge_limit_kw", "discharge_limit_kw"):
            values: Vector = getattr(self, name)
            require(name, values, (values >= 0) & (values < np.inf), "a finite number >= 0")
        for name in ("charge_efficiency", "discharge_efficiency"):
            values = getattr(self, name)
            require(name, values, (values > 0) & (values <= 1), "a one-way efficiency in (0, 1]")
        require("soc_min", self.soc_min, (self.soc_min >= 0) & (self.soc_min <= 1), "a fraction in 0..1")
        upper = (self.soc_min <= self.soc_max) & (self.soc_max <= 1)
        require("soc_max", self.soc_max, upper, "a fraction in soc_min..1")
        for name in ("ramp_limit_kw", "connection_limit_kw"):
            values = getattr(self, name)
            require(name, values, values > 0, "a number > 0, or inf for no limit")
        lost = self.self_discharge_per_h
        require("self_discharge_per_h", lost, (lost >= 0) & (lost < 1), "a fraction >= 0 and < 1")
        if not 0 < self.timestep_h < np.inf:
            raise ModelError("timestep_h", self.timestep_h, "hours > 0")
        left = self.retention >= LEAST_RETENTION
        require("self_discharge_per_h", lost, left, f"a fraction that leaves {LEAST_RETENTION:g} of a step's energy")
        names = tuple(self.names) or tuple(f"prosumer-{i + 1}" for i in range(size))
        if len(names) != size or len(set(names)) != size:
            raise ModelError("names", list(names), f"{size} different names")
        object.__setattr__(self, "names", names)

    @property
    def n_prosumers(self) -> int:
        """Number of prosumers N."""
        return self.network.n_prosumers

    @cached_property
    def energy_min_kwh(self) -> Vector:
        """(N,) kWh, lowest stored energy."""
        return frozen(self.soc_min * self.battery_capacity_kwh)

    @cached_property
    def energy_max_kwh(self) -> Vector:
        """(N,) kWh, highest stored energy."""
        return frozen(self.soc_max * self.battery_capacity_kwh)

    @cached_property
    def storage(self) -> Storage:
        """The batteries' ratings as `physics.reach_kw` reads them."""
        return Storage.of(
            energy_min_kwh=self.energy_min_kwh,
            energy_max_kwh=self.energy_max_kwh,
            charge_limit_kw=self.charge_limit_kw,
            discharge_limit_kw=self.discharge_limit_kw,
            charge_efficiency=self.charge_efficiency,
            discharge_efficiency=self.discharge_efficiency,
            timestep_h=self.timestep_h,
            retention=self.retention if self.has_self_discharge else None,
        )

    @cached_property
    def retention(self) -> Vector:
        """(N,) what a step leaves of what is stored, (1 − self_discharge_per_h)^dt; 1 without self-discharge."""
        return frozen((1.0 - self.self_discharge_per_h) ** self.timestep_h)

    @cached_property
    def has_self_discharge(self) -> bool:
        """Whether any battery loses energy by itself."""
        return bool((self.retention < 1.0).any())

    @cached_property
    def has_battery(self) -> Mask:
        """(N,) whether a prosumer has a battery at all."""
        return frozen(self.battery_capacity_kwh > 0, np.bool_)

    @cached_property
    def has_ramp_limits(self) -> bool:
        """Whether any battery has a ramp limit."""
        return bool(np.isfinite(self.ramp_limit_kw).any())

    @classmethod
    def from_toml(cls, path: str | Path) -> Community:
        """Read a community description; `examples/community.toml` explains the keys.

        Raises:
            ConfigError: the file is missing, is not TOML, or a key is unknown, missing or out of range.
        """
        return cls.from_document(path, read_document(Path(path)))

    @classmethod
    def from_document(cls, source: str | Path, document: Mapping[str, Any]) -> Community:
        """Return the community that the parsed tables of a TOML file describe; `source` names them in errors.

        Raises:
            ConfigError: as `from_toml`.
        """
        fields = community_fields(source, document)
        try:
            return cls(**fields)
        except ModelError as fault:
            raise as_config_error(source, document, fault) from None

    @classmethod
    def demo(cls) -> Community:
        """Return the real community that ships with the package: 17 homes in Fontana, California."""
        with as_file(files("autonomy") / "data" / "fontana.toml") as path:
            return cls.from_toml(path)


ARRAY_FIELDS = (
    "battery_capacity_kwh",
    "charge_limit_kw",
    "discharge_limit_kw",
    "charge_efficiency",
    "discharge_efficiency",
    "soc_min",
    "soc_max",
    "ramp_limit_kw",
    "connection_limit_kw",
    "self_discharge_per_h",
)

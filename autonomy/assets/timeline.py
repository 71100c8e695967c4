"""What changes from step to step: one frozen table of what EVs, outages and derating allow, and what they take.

Tables only tighten what the community has: a limit of a step is the smaller of its own and the community's. So what
says nothing (inf, no departure, no energy driven) changes nothing, and a timeline without any asset is as good as none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, SupportsIndex

import numpy as np

from autonomy.layers.arrays import Mask, Vector, frozen
from autonomy.layers.errors import ModelError

TABLES: dict[str, Any] = {
    "charge_limit_kw": np.inf,
    "discharge_limit_kw": np.inf,
    "soc_min": 0.0,
    "soc_max": 1.0,
    "active": True,
    "required_kwh": -np.inf,
    "departing": False,
    "drive_kwh": 0.0,
}
"""Fields (T, N), and the value of each that says nothing."""
COLUMNS: dict[str, Any] = {"grid_import_limit_kw": np.inf, "grid_export_limit_kw": np.inf}
"""Fields (T,), likewise."""
NOTHING = TABLES | COLUMNS
RANGES = {
    "charge_limit_kw": (0.0, np.inf),
    "discharge_limit_kw": (0.0, np.inf),
    "soc_min": (0.0, 1.0),
    "soc_max": (0.0, 1.0),
    "required_kwh": (-np.inf, np.finfo(np.float64).max),
    "drive_kwh": (0.0, np.finfo(np.float64).max),
    "grid_import_limit_kw": (0.0, np.inf),
    "grid_export_limit_kw": (0.0, np.inf),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Timeline:
    """T steps of N prosumers; None where nothing changes. Array-likes are copied into read-only arrays.

    Attributes:
        n_steps: T.
        n_prosumers: N.
        charge_limit_kw: (T, N) kW, at most so much charges.
        discharge_limit_kw: (T, N) kW, at most so much discharges.
        soc_min: (T, N) fraction, at least so full.
        soc_max: (T, N) fraction, at most so full.
        active: (T, N) whether the battery is there; False while an EV is away.
        required_kwh: (T, N) kWh that have to be stored at the end of the step, so that a departure can still be met by
            charging as fast as possible in all steps until then; -inf where nothing is required.
        departing: (T, N) whether an EV leaves at the end of the step; `required_kwh` is then what it leaves with.
        drive_kwh: (T, N) kWh that an EV has used since it left, taken from it at the start of the step it is back in.
        grid_import_limit_kw: (T,) kW that the grid delivers; 0 during an outage.
        grid_export_limit_kw: (T,) kW that the grid takes.

    Raises:
        ModelError: a field has the wrong shape or is out of its range; the message names it.
    """

    n_steps: int
    n_prosumers: int
    charge_limit_kw: Vector | None = None
    discharge_limit_kw: Vector | None = None
    soc_min: Vector | None = None
    soc_max: Vector | None = None
    active: Mask | None = None
    required_kwh: Vector | None = None
    departing: Mask | None = None
    drive_kwh: Vector | None = None
    grid_import_limit_kw: Vector | None = None
    grid_export_limit_kw: Vector | None = None

    def __post_init__(self) -> None:
        for name in ("n_steps", "n_prosumers"):
            if not getattr(self, name) >= 1:
                raise ModelError(name, getattr(self, name), "a whole number >= 1")
        for name, nothing in NOTHING.items():
            object.__setattr__(self, name, self._checked(name, getattr(self, name), nothing))

    def _checked(self, name: str, given: Any, nothing: Any) -> Any:
        """Return a field as a read-only array, or None where it says nothing at all."""
        if given is None:
            return None
        shape = (self.n_steps, self.n_prosumers) if name in TABLES else (self.n_steps,)
        dtype = np.bool_ if isinstance(nothing, bool) else np.float64
        try:
            array = frozen(np.broadcast_to(np.asarray(given, dtype=dtype), shape), dtype)
        except (TypeError, ValueError):
            raise ModelError(name, f"an array of shape {np.shape(given)}", f"numbers of shape {shape}") from None
        if name in RANGES:
            low, high = RANGES[name]
            passed = (low <= array) & (array <= high)
            if not passed.all():
                place = tuple(int(index) for index in np.argwhere(~passed)[0])
                where = ", ".join(map(str, place))
                raise ModelError(f"{name}[{where}]", array[place].item(), f"a number in [{low:g}, {high:g}]")
        return array if (array != nothing).any() else None

    @cached_property
    def is_empty(self) -> bool:
        """Whether nothing ever changes."""
        return all(getattr(self, name) is None for name in NOTHING)

    @cached_property
    def limited(self) -> Mask:
        """(T,) whether anything is limited or required in a step; in others the community's own limits hold."""
        found = np.zeros(self.n_steps, dtype=bool)
        for name, nothing in NOTHING.items():
            values = getattr(self, name)
            if values is not None and name not in ("departing", "drive_kwh"):
                found |= (values != nothing).reshape(self.n_steps, -1).any(axis=1)
        return frozen(found, np.bool_)

    def window(self, start: SupportsIndex, stop: SupportsIndex) -> Timeline:
        """Return the steps `start` up to but not including `stop`.

        Raises:
            ModelError: they are not all there.
        """
        first, last = start.__index__(), stop.__index__()
        if not 0 <= first < last <= self.n_steps:
            raise ModelError("window", [first, last], f"steps in 0..{self.n_steps}, start before stop")
        rows = {name: getattr(self, name) for name in NOTHING}
        cut: dict[str, Any] = {name: None if values is None else values[first:last] for name, values in rows.items()}
        return replace(self, n_steps=last - first, **cut)

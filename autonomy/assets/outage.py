"""Outages of the grid, and hours in which it delivers or takes less."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.layers.errors import ModelError


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """A time in which the grid gives less.

    Attributes:
        from_: Its first moment, on the clock of the data; a step that it touches is part of it.
        to: The first moment after it.
        import_limit_kw: kW that the whole community may import; 0 for an outage.
        export_limit_kw: kW that it may export.

    Raises:
        ModelError: it ends before it begins, or a limit is negative.
    """

    from_: np.datetime64
    to: np.datetime64
    import_limit_kw: float = 0.0
    export_limit_kw: float = 0.0

    def __post_init__(self) -> None:
        if not self.from_ < self.to:
            raise ModelError("to", str(self.to), f"a time after {self.from_}")
        for name in ("import_limit_kw", "export_limit_kw"):
            if not getattr(self, name) >= 0:
                raise ModelError(name, getattr(self, name), "a number >= 0")

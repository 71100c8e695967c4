"""How exact a host says that it is: all tolerances of the monitors follow from these few numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields

from autonomy.layers.errors import ModelError


@dataclass(frozen=True, kw_only=True, slots=True)
class Accuracy:
    """Bounds on what a healthy host may be off by. A monitor never doubts a host that keeps them.

    The defaults are those of plain hardware: class 1 meters (IEC 62053-21), a state of charge in whole per cent, a
    battery that is modelled to a few per cent. A wider bound finds less and never alarms wrongly; a narrower one than
    the host keeps does alarm wrongly. `Accuracy.exact()` is for simulators that compute what they report.

    Attributes:
        power_error: Fraction of the true power by which a meter, or a battery that follows a set-point, may be off.
        power_resolution_kw: kW, absolute part of the same: rounding, standby.
        soc_resolution: Fraction of the capacity between two values that the state of charge can be reported as.
        efficiency_error: Fraction by which each one-way efficiency may differ from the stated one; never above 1.
        self_discharge_per_h: Fraction of the capacity that may vanish in an hour by itself.
        clock_jitter: Fraction of a time step by which a time stamp may be off.
        variation: Fraction by which demand and generation during a step may differ from what was measured for it.
            0 where a measurement is of the step itself, as in simulators and with interval meters.
        obeys: Whether a host that does not report `applied_battery_kw` does exactly what was decided. If not, its
            battery may have done anything between nothing and that.
    """

    power_error: float = 0.01
    power_resolution_kw: float = 0.01
    soc_resolution: float = 0.01
    efficiency_error: float = 0.05
    self_discharge_per_h: float = 0.001
    clock_jitter: float = 0.05
    variation: float = 0.0
    obeys: bool = False

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not 0 <= value <= LARGEST[item.name]:
                raise ModelError(item.name, value, f"0..{LARGEST[item.name]:g}")

    @classmethod
    def exact(cls) -> Accuracy:
        """Return the accuracy of a simulator that reports what it computed: rounding only."""
        return cls(
            power_error=1e-9,
            power_resolution_kw=1e-6,
            soc_resolution=1e-9,
            efficiency_error=1e-9,
            self_discharge_per_h=0.0,
            clock_jitter=0.0,
            obeys=True,
        )


LARGEST = {
    "power_error": 0.5,
    "power_resolution_kw": 1e3,
    "soc_resolution": 1.0,
    "efficiency_error": 1.0,
    "self_discharge_per_h": 1.0,
    "clock_jitter": 0.25,
    "variation": 1e3,
    "obeys": 1,
}
"""The most that may be stated; beyond it a monitor could not find anything."""

"""The words of the matrix: where a fault sits, what it does, how strongly, when, and to whom."""

from __future__ import annotations

from enum import StrEnum


class Channel(StrEnum):
    """Where a fault sits."""

    DEMAND = "demand"
    PV = "pv"
    SOC = "soc"
    PRICE = "price"
    FEEDER = "feeder"
    CLOCK = "clock"
    INTENT = "intent"
    POLICY = "policy"
    SOLVER = "solver"
    ACTUATOR = "actuator"
    DISK = "disk"


class Kind(StrEnum):
    """What a fault does; `autonomy.faults.catalogue` says it of each channel in full."""

    NAN = "nan"
    MISSING = "missing"
    RAIL = "rail"
    STUCK = "stuck"
    BIAS = "bias"
    DRIFT = "drift"
    NOISE = "noise"
    SCALE = "scale"
    SIGN = "sign"
    UNIT = "unit"
    DELAY = "delay"
    REPLAY = "replay"
    SWAP = "swap"
    WRONG_DT = "wrong-dt"
    CRASH = "crash"
    LIE = "lie"


class Severity(StrEnum):
    """How strongly; what that is in numbers depends on channel and kind."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"

    @property
    def place(self) -> int:
        """0, 1 or 2."""
        return list(Severity).index(self)


class Phase(StrEnum):
    """When: windows of the data, chosen by `autonomy.faults.phases`."""

    NIGHT = "night"
    PV_PEAK = "pv-peak"
    DEMAND_PEAK = "demand-peak"
    SOC_BOUND = "soc-bound"


class Scope(StrEnum):
    """To whom."""

    ONE = "one"
    """One prosumer, drawn anew for every run."""
    COMMUNITY = "community"
    """Everybody at once."""

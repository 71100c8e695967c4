"""What a conformance check found."""

from __future__ import annotations

from dataclasses import dataclass

from autonomy.errors import AutonomyError
from autonomy.layers.errors import ModelError

SIGNALS, APPLIED, STORED, BALANCE = "signals", "asked equals applied", "predicted equals measured SoC", "energy balance"
LIMITS, CAPABILITIES, RESET, SEED, MISSING = "limits", "capabilities", "reset", "seed", "missing signals"
CHECKS = (SIGNALS, APPLIED, STORED, BALANCE, LIMITS, CAPABILITIES, RESET, SEED, MISSING)
"""Every check of `check_host`, by name."""

ROUNDING = 1e-9
"""What is smaller is not printed: it is rounding, and differs from machine to machine."""


class HostError(AutonomyError):
    """A host does not do what its adapter says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tolerance:
    """What a host may be off by.

    Attributes:
        power_kw: kW between what a battery was asked and what was applied: rounding, single precision.
        energy_kwh: kWh between the predicted and the measured stored energy.
        feeder_kw: kW between the feeder's meter and the sum of the nodes less the model's line losses. A host with an
            alternating-current power flow needs more: `autonomy.hosts.loss_error` bounds it.

    Raises:
        ModelError: one is not a number > 0.
    """

    power_kw: float = 1e-3
    energy_kwh: float = 1e-3
    feeder_kw: float = 1e-2

    def __post_init__(self) -> None:
        for name in ("power_kw", "energy_kwh", "feeder_kw"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ModelError(name, getattr(self, name), "a number > 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something that a host does wrong.

    Attributes:
        check: Which of `CHECKS` found it.
        text: One sentence: what was found, where, and what it looks like.
    """

    check: str
    text: str

    def __str__(self) -> str:
        return f"{self.check}: {self.text}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Largest:
    """The largest difference that a check saw.

    Attributes:
        check: Which of `CHECKS`.
        amount: How much, >= 0.
        allowed: How much it may be.
        unit: Of both.
        compared: How many numbers were compared.
    """

    check: str
    amount: float
    allowed: float
    unit: str
    compared: int


@dataclass(frozen=True, kw_only=True, slots=True)
class HostReport:
    """What `check_host` saw of a host.

    Attributes:
        steps: How many steps were played in each of two runs.
        findings: What is wrong.
        unjudged: What could not be judged, each with its reason in a sentence.
        largest: The largest difference of each check that compares numbers.
    """

    steps: int
    findings: tuple[Finding, ...]
    unjudged: tuple[str, ...]
    largest: tuple[Largest, ...]

    @property
    def is_conformant(self) -> bool:
        """Whether nothing is wrong, and asked and applied, and the stored energy, could be judged."""
        judged = {item.check for item in self.largest if item.compared}
        return not self.findings and {APPLIED, STORED} <= judged

    def require(self) -> None:
        """Raise with every finding if there is any.

        Raises:
            HostError: the host is not conformant.
        """
        if not self.is_conformant:
            raise HostError(str(self))

    def __str__(self) -> str:
        broken = {finding.check for finding in self.findings}
        lines = [f"{'fails' if name in broken else 'holds'}  {name}{self._measure(name)}" for name in CHECKS]
        lines += [f"  {finding}" for finding in self.findings]
        lines += [f"  not judged: {text}" for text in self.unjudged]
        return "\n".join(lines)

    def _measure(self, name: str) -> str:
        for item in self.largest:
            if item.check == name and item.compared:
                seen = f"{item.amount:.2g}" if item.amount >= ROUNDING else f"below {ROUNDING:g}"
                return f": {seen} of {item.allowed:g} {item.unit} in {item.compared} numbers"
        return ""

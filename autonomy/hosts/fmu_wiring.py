"""Which variable of a plant's FMU is which signal, and in what unit: frozen data, checked against the FMU.

`factor` is what one unit of ours is in the FMU's, in both directions: its number = factor · ours. So W are 1000, a
battery's power that is + for discharge is −1, both at once −1000, per cent 100.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from typing import TypeAlias

from autonomy.hosts.fmu_description import Description
from autonomy.hosts.host import Capabilities
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError

READ_EACH = (
    "demand_kw", "pv_kw", "soc", "applied_battery_kw", "charge_limit_kw", "discharge_limit_kw",
)  # fmt: skip
READ_ANY = ("retail_price", "feed_in_price", "carbon_kg_per_kwh")
READ_ONCE = ("feeder_kw",)
WRITTEN_EACH = (
    "battery_kw", "trade_kw", "price_bid", "curtail_kw", "shed_kw", "generation_left_kw", "load_left_kw",
    "generation_cap_kw", "load_cap_kw",
)  # fmt: skip
OF_BATTERIES = ("soc", "applied_battery_kw", "charge_limit_kw", "discharge_limit_kw", "battery_kw")
"""Signals that a home without a battery need not have."""
CONSTANT = ("demand_kw", "pv_kw", *READ_ANY)
"""Signals that may be a number instead of a variable."""
READABLE, WRITABLE, SETTABLE = ("output", "local"), ("input",), ("parameter",)


@dataclass(frozen=True, slots=True)
class Wire:
    """One signal's variable.

    Attributes:
        variable: Its name; "{i}" stands for 1..N and "{name}" for the prosumer's name in the community.
        factor: The FMU's number of one of our units, finite and not 0.

    Raises:
        ModelError: the factor is none.
    """

    variable: str
    factor: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < abs(self.factor) < float("inf"):
            raise ModelError("factor", self.factor, f"a finite number that is not 0, for {self.variable!r}")

    def names(self, community: Community) -> tuple[str, ...]:
        """Return the variables' names, one or N."""
        if "{i}" not in self.variable and "{name}" not in self.variable:
            return (self.variable,)
        pairs = enumerate(community.names, start=1)
        return tuple(self.variable.replace("{i}", str(i)).replace("{name}", name) for i, name in pairs)


Read: TypeAlias = Wire | str
"""A wire, or a variable's name where the factor is 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wiring:
    """Every signal's variable in the FMU. Units and signs of the signals are those of `autonomy.hosts.host`.

    Attributes:
        demand_kw: Output of each prosumer, or a number; of the step to come, like `pv_kw`, prices and limits.
        pv_kw: Output of each, or a number.
        soc: Output of each with a battery, our unit a fraction of the capacity.
        retail_price: Output of each or one for all, or a number.
        feed_in_price: Likewise.
        battery_kw: Input of each with a battery, + = charge.
        applied_battery_kw: Output of each with a battery, of the step before; None if the FMU has none.
        feeder_kw: Output, of the step before; None likewise.
        carbon_kg_per_kwh: Output of each or one for all, or a number; None for none.
        charge_limit_kw: Output of each with a battery whose limit moves; None for the community's.
        discharge_limit_kw: Likewise.
        curtail_kw: Input of each, generation that is cut; None if it has none.
        shed_kw: Input of each, load that is cut; None likewise.
        generation_left_kw: Input of each, the most generation may be; instead of `curtail_kw`.
        load_left_kw: Input of each, the most load may be; instead of `shed_kw`.
        generation_cap_kw: Input of each, the cap beside `curtail_kw`; without it the host curtails what is above.
        load_cap_kw: Input of each, the cap beside `shed_kw`; likewise.
        trade_kw: Input of each, + = sell; None if it has no market.
        price_bid: Input of each, beside `trade_kw`.
        seed: Integer or Real parameter that the seed of a reset is written to; None if it has none.

    Raises:
        ModelError: a field is no wire, or there are two for one thing.
    """

    demand_kw: Read | float
    pv_kw: Read | float
    soc: Read
    retail_price: Read | float
    feed_in_price: Read | float
    battery_kw: Read
    applied_battery_kw: Read | None = None
    feeder_kw: Read | None = None
    carbon_kg_per_kwh: Read | float | None = None
    charge_limit_kw: Read | None = None
    discharge_limit_kw: Read | None = None
    curtail_kw: Read | None = None
    shed_kw: Read | None = None
    generation_left_kw: Read | None = None
    load_left_kw: Read | None = None
    generation_cap_kw: Read | None = None
    load_cap_kw: Read | None = None
    trade_kw: Read | None = None
    price_bid: Read | None = None
    seed: str | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            _valued(item.name, getattr(self, item.name), is_required=item.default is MISSING)
        for cut, left, cap in (
            ("curtail_kw", "generation_left_kw", "generation_cap_kw"),
            ("shed_kw", "load_left_kw", "load_cap_kw"),
        ):
            if getattr(self, cut) is not None and getattr(self, left) is not None:
                raise ModelError(f"wiring.{left}", getattr(self, left), f"none beside {cut}: both say the same")
            if getattr(self, cap) is not None and getattr(self, cut) is None:
                raise ModelError(f"wiring.{cap}", getattr(self, cap), f"a {cut} beside it, or {left} instead")
        if (self.trade_kw is None) != (self.price_bid is None):
            raise ModelError("wiring.price_bid", self.price_bid, "trade_kw and price_bid both, or neither")

    def wire(self, field: str) -> Wire | None:
        """Return the wire of a field, None where it is a number or nothing."""
        value = getattr(self, field)
        return Wire(value) if isinstance(value, str) else value if isinstance(value, Wire) else None

    @property
    def capabilities(self) -> Capabilities:
        """What can be executed."""
        return Capabilities(
            curtail=self.curtail_kw is not None or self.generation_left_kw is not None,
            shed=self.shed_kw is not None or self.load_left_kw is not None,
            trade=self.trade_kw is not None,
        )


def _valued(field: str, value: object, *, is_required: bool) -> None:
    place, can_be_number = f"wiring.{field}", field in CONSTANT
    if field == "seed":
        if not isinstance(value, str | None):
            raise ModelError(place, value, "a parameter's name")
    elif isinstance(value, int | float) and can_be_number:
        if not 0 <= abs(value) < float("inf"):
            raise ModelError(place, value, "a finite number, or a variable's name")
    elif not (isinstance(value, str | Wire) or (value is None and not is_required)):
        raise ModelError(place, value, f"a Wire, or a variable's name{', or a number' if can_be_number else ''}")


def connect(wiring: Wiring, community: Community, description: Description) -> dict[str, tuple[str | None, ...]]:
    """Return the variables of each field that has a wire; None for a home without a battery that has no variable.

    Raises:
        ModelError: a variable is not there, or not what it is taken for; the message names it and what is there.
    """
    connected: dict[str, tuple[str | None, ...]] = {}
    owner: dict[str, str] = {}
    for field, causality in _fields():
        wire = wiring.wire(field)
        if wire is None:
            continue
        place, names = f"wiring.{field}", wire.names(community)
        _counted(field, place, wire, names, community)
        found: list[str | None] = list(names)
        for k, name in enumerate(names):
            fault = description.fault(name, ("Real",), causality)
            if fault and field in OF_BATTERIES and not community.has_battery[k] and name not in description.variables:
                found[k] = None
            elif fault:
                raise ModelError(place, name, fault)
            elif causality == WRITABLE and owner.setdefault(name, field) != field:
                raise ModelError(place, name, f"an input of its own; {owner[name]} is wired to it")
        beyond = wire.variable.replace("{i}", str(community.n_prosumers + 1))
        if len(names) > 1 and beyond in description.variables:
            expected = f"none beyond the community's {community.n_prosumers} prosumers, and the FMU has it"
            raise ModelError(place, beyond, expected)
        connected[field] = tuple(found)
    if wiring.seed is not None:
        fault = description.fault(wiring.seed, ("Integer", "Real"), SETTABLE)
        if fault:
            raise ModelError("wiring.seed", wiring.seed, fault)
    return connected


def _fields() -> Iterator[tuple[str, tuple[str, ...]]]:
    for field in (*READ_EACH, *READ_ANY, *READ_ONCE):
        yield field, READABLE
    for field in WRITTEN_EACH:
        yield field, WRITABLE


def _counted(field: str, place: str, wire: Wire, names: tuple[str, ...], community: Community) -> None:
    size = community.n_prosumers
    if field in READ_ONCE and len(names) > 1:
        raise ModelError(place, wire.variable, "one variable, without {i} or {name}")
    if field not in (*READ_ONCE, *READ_ANY) and len(names) != size:
        raise ModelError(place, wire.variable, f"a name with {{i}}, which stands for 1..{size}, or {{name}}")
    if len(set(names)) != len(names):
        raise ModelError(place, wire.variable, "a different variable for each")

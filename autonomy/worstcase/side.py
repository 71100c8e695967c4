"""One side of a community on one rung: what is wanted, what lets it through, and what helps; exact, in kW.

Shedding and curtailment are mirror images. What is wanted is the demand (the generation), what eases the flow is the
generation (the demand), near limits are those for imports (exports), and the battery helps by discharging (charging).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.layers.projection.program import BATTERY_WEIGHT, CURTAIL_PRICE, MARGIN_KW
from autonomy.layers.situation import Situation
from autonomy.layers.supervision import Screen
from autonomy.layers.supervision.milliwatt import Bounds, bounds_of
from autonomy.worstcase.amounts import MILLIWATT, exact, exact_all, limit_texts, or_none, texts, whole_milliwatts

Limit = Fraction | None
"""kW; None for no limit."""
SUPPORT_MARGIN = exact(MARGIN_KW)
"""kW for each prosumer, and one more, that the projection keeps free on a line."""


class Quantity(StrEnum):
    """What is cut."""

    SHED = "shed"
    CURTAILMENT = "curtailment"


class Rung(StrEnum):
    """A rung of the recovery ladder."""

    SUPPORT = "support"
    """Batteries help as far as needed."""
    GRID_ONLY = "grid-only"
    """Batteries stand still; what is cut is the least that measurements allow."""
    DEAD_STOP = "dead-stop"
    """Batteries stand still, and everybody stays below a cap, whatever is measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """The limits that a rung keeps.

    Attributes:
        quantity: What is cut.
        rung: On which rung.
        network: Who is below which line.
        near: (M,) kW >= 0, limit of each line in the direction of what is wanted.
        far: (M,) kW >= 0, limit the other way.
        connection: (N,) kW >= 0, limit of each prosumer both ways; on the dead stop the cap.
        help: (N,) kW >= 0, what the battery can take from the flow.
    """

    quantity: Quantity
    rung: Rung
    network: Network
    near: tuple[Limit, ...]
    far: tuple[Limit, ...]
    connection: tuple[Limit, ...]
    help: tuple[Fraction, ...]

    @property
    def is_shed(self) -> bool:
        """Whether the quantity is shedding."""
        return self.quantity is Quantity.SHED

    @property
    def size(self) -> int:
        """Number of prosumers N."""
        return len(self.connection)

    def document(self) -> dict[str, Any]:
        """Return the network and the side as a certificate states them."""
        return {
            "network": {"parent": self.network.parent.tolist(), "bus": self.network.bus_of_prosumer.tolist()},
            "side": {
                "quantity": str(self.quantity),
                "rung": str(self.rung),
                "near_kw": limit_texts(self.near),
                "far_kw": limit_texts(self.far),
                "connection_kw": limit_texts(self.connection),
                "help_kw": texts(self.help),
            },
        }


def side_of(community: Community, quantity: Quantity, rung: Rung, energy_kwh: Vector | None = None) -> Side:
    """Return what a rung keeps of a community's limits, as its code keeps them: in whole milliwatts, margins off.

    Line losses are off the import limits. Ramp limits count for the first step after standing still.

    Args:
        community: Batteries, network and limits.
        quantity: What is cut.
        rung: On which rung.
        energy_kwh: (N,) kWh stored; matters on the rung "support" only, None for the middle of the band.
    """
    if energy_kwh is None:
        energy_kwh = (community.energy_min_kwh + community.energy_max_kwh) / 2
    situation = _idle(community, energy_kwh)
    bounds = bounds_of(situation)
    none: tuple[Fraction, ...] = (Fraction(0),) * community.n_prosumers
    is_shed = quantity is Quantity.SHED
    if rung is Rung.DEAD_STOP:
        unlimited: tuple[Limit, ...] = (None,) * community.network.n_lines
        caps = situation.fair_import_kw if is_shed else situation.fair_export_kw
        return Side(
            quantity=quantity,
            rung=rung,
            network=community.network,
            near=unlimited,
            far=unlimited,
            connection=or_none(caps.tolist()),
            help=none,
        )
    margin = SUPPORT_MARGIN if rung is Rung.SUPPORT else Fraction(0)
    imports, exports, connection = _kept(situation, bounds, margin)
    return Side(
        quantity=quantity,
        rung=rung,
        network=community.network,
        near=imports if is_shed else exports,
        far=exports if is_shed else imports,
        connection=connection,
        help=_help(situation, quantity) if rung is Rung.SUPPORT else none,
    )


def _help(situation: Situation, quantity: Quantity) -> tuple[Fraction, ...]:
    """Return what the support rung has batteries do at least before it cuts anything.

    Its price of shedding is above every battery's, so each discharges all it can. Its price of curtailment is small on
    purpose: w·b = ρc is all that a battery is charged for it.
    """
    if quantity is Quantity.SHED:
        return exact_all(np.maximum(-situation.battery_lower_kw, 0.0).tolist())
    moved = CURTAIL_PRICE / BATTERY_WEIGHT
    return exact_all(np.clip(situation.battery_upper_kw, 0.0, moved).tolist())


def _idle(community: Community, energy_kwh: Vector) -> Situation:
    """Return the healthy situation of a step in which nothing is demanded or generated."""
    capacity, nothing = community.battery_capacity_kwh, np.zeros(community.n_prosumers)
    soc = np.divide(energy_kwh, capacity, out=nothing.copy(), where=capacity > 0)
    observation = {
        "demand_kw": nothing,
        "pv_kw": nothing,
        "soc": soc,
        "retail_price": nothing,
        "feed_in_price": nothing,
    }
    return Screen(community)(observation, nothing)


def _kept(
    situation: Situation, bounds: Bounds, margin: Fraction
) -> tuple[tuple[Limit, ...], tuple[Limit, ...], tuple[Limit, ...]]:
    """Return the import, export and connection limits that are kept.

    Without a margin those of CHECK; with one, those of the projection: a margin off for each prosumer, and one more.
    """
    below = situation.community.network.prosumers_below.astype(np.int64).tolist()
    rows = (
        (situation.import_limit_kw, bounds.import_limit, below),
        (situation.export_limit_kw, bounds.export_limit, below),
        (situation.connection_limit_kw, bounds.connection, [1] * bounds.size),
    )
    imports, exports, connection = (
        tuple(
            None if limit is None else max(_floor(limit) - margin * (1 + count), Fraction(0)) if margin else held
            for limit, held, count in zip(
                or_none(stated.tolist()), whole_milliwatts(kept.tolist()), counts, strict=True
            )
        )
        for stated, kept, counts in rows
    )
    return imports, exports, connection


def _floor(limit: Fraction) -> Fraction:
    return limit // MILLIWATT * MILLIWATT

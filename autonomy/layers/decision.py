"""What a policy wants, what the stack decides, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from autonomy.layers.arrays import Vector


class Mode(StrEnum):
    """Who chose the set-points, from most to least trusting."""

    POLICY = "policy"
    """The intent was executed untouched (to the milliwatt)."""
    PROJECTED = "projected"
    """Layer 2 changed the intent to the nearest feasible one."""
    SUPPORT = "support"
    """The intent was unusable; batteries move only as far as the limits need."""
    GRID_ONLY = "grid-only"
    """Batteries and trades stand still; curtailment and shedding only where a limit forces them."""
    DEAD_STOP = "dead-stop"
    """No measurement is trusted; generation and load caps alone hold the limits."""

    @property
    def is_fallback(self) -> bool:
        """Whether the policy was overruled altogether."""
        return self in (Mode.SUPPORT, Mode.GRID_ONLY, Mode.DEAD_STOP)


class Cause(StrEnum):
    """Every cause a decision can name."""

    POLICY_RAISED = "policy-raised"
    POLICY_SHAPE = "policy-shape"
    POLICY_LATE = "policy-late"
    INTENT_NOT_FINITE = "intent-not-finite"
    INTENT_CLIPPED = "intent-clipped"
    BATTERY_LIMIT = "battery-limit"
    LINE_LIMIT = "line-limit"
    CONNECTION_LIMIT = "connection-limit"
    VOLTAGE_LIMIT = "voltage-limit"
    LOOK_AHEAD = "look-ahead"
    DEPARTURE = "departure"
    DEPARTURE_SHORT = "departure-short"
    CURTAILED = "curtailed"
    SHED = "shed"
    TRADE_CUT = "trade-cut"
    PRICE_CLIPPED = "price-clipped"
    FIELD_MISSING = "field-missing"
    FIELD_UNKNOWN = "field-unknown"
    FIELD_SHAPE = "field-shape"
    NOT_FINITE = "not-finite"
    NEGATIVE = "negative"
    UNIT_SUSPECT = "unit-suspect"
    SOC_RANGE = "soc-range"
    SOC_OUTSIDE_BAND = "soc-outside-band"
    PRICE_ORDER = "price-order"
    LIMITS_REJECTED = "limits-rejected"
    RAMP_RELAXED = "ramp-relaxed"
    LIMIT_NOT_HELD = "limit-not-held"
    SOLVER_FAILED = "solver-failed"
    CHECK_FAILED = "check-failed"
    INTERNAL_ERROR = "internal-error"
    TIME_STALE = "time-stale"
    TIME_JUMP = "time-jump"
    TIME_UNREADABLE = "time-unreadable"
    TIMESTEP_WRONG = "timestep-wrong"
    SOC_BALANCE = "soc-balance"
    IDENTIFIERS_SWAPPED = "identifiers-swapped"
    SET_POINT_IGNORED = "set-point-ignored"
    FEEDER_BALANCE = "feeder-balance"
    FEEDER_METER = "feeder-meter"
    ABOVE_PEAK = "above-peak"
    CLEAR_SKY = "clear-sky"
    METER_RAMP = "meter-ramp"
    METER_STUCK = "meter-stuck"
    WEIGHTS_CHANGED = "weights-changed"
    OUTPUT_FROZEN = "output-frozen"
    MONITOR_FAILED = "monitor-failed"
    TRUST_RESTORED = "trust-restored"
    JOURNAL_FAILED = "journal-failed"
    ANSWER_LATE = "answer-late"
    NOVELTY = "novelty"
    DRIFT = "drift"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why a decision is what it is.

    Attributes:
        cause: The kind of cause, for programs.
        text: One sentence, for people.
        prosumers: Indices of the prosumers it concerns; empty for the whole community.
        amount_kw: How much, where that has a meaning; else 0.
    """

    cause: Cause
    text: str
    prosumers: tuple[int, ...] = ()
    amount_kw: float = 0.0

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Intent:
    """What a policy wants; any float is allowed, the layers below make it safe.

    Attributes:
        battery_kw: (N,) kW, + = charge.
        trade_kw: (N,) kW, + = sell.
        price_bid: (N,) currency/kWh: the least a seller takes, the most a buyer pays.
    """

    battery_kw: Vector
    trade_kw: Vector
    price_bid: Vector


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Certificate:
    """Evidence for the projection, valid for whatever multipliers the solver returned.

    Attributes:
        gap: Upper bound on the objective's distance from the optimum, the rounding of its computation included.
        distance_kw: kW, upper bound on the w-norm distance to the exact minimiser, sqrt(2·gap).
        line_multipliers: (M,) > 0 where the import limit binds, < 0 where the export limit binds.
        node_multipliers: (N,) likewise for each prosumer's connection; empty where no projection was used.
    """

    gap: float
    distance_kw: float
    line_multipliers: Vector
    node_multipliers: Vector = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Decision:
    """The set-points of one step, safe by construction, and their reasons.

    Attributes:
        battery_kw: (N,) kW, + = charge.
        trade_kw: (N,) kW offered to the market, + = sell; between 0 and the node's net export.
        price_bid: (N,) currency/kWh, within [feed-in, retail].
        curtail_kw: (N,) kW >= 0 of generation to be cut.
        shed_kw: (N,) kW >= 0 of load to be cut.
        net_export_kw: (N,) kW, expected net export of each node, + = export.
        generation_cap_kw: (N,) kW, what generation may not exceed, whatever was measured; inf for no cap.
        load_cap_kw: (N,) kW, what load may not exceed, whatever was measured; inf for no cap.
        mode: Who chose the set-points.
        reasons: Why, most important first.
        intervention_kw: kW, Euclidean distance between the policy's battery intent and battery_kw.
        certificate: Evidence for the projection; zeros where no projection was used.
    """

    battery_kw: Vector
    trade_kw: Vector
    price_bid: Vector
    curtail_kw: Vector
    shed_kw: Vector
    net_export_kw: Vector
    generation_cap_kw: Vector
    load_cap_kw: Vector
    mode: Mode
    reasons: tuple[Reason, ...] = ()
    intervention_kw: float = 0.0
    certificate: Certificate = field(
        default_factory=lambda: Certificate(gap=0.0, distance_kw=0.0, line_multipliers=np.zeros(0))
    )

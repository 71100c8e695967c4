"""The safety rules, each once: name, formula, residual. A rule holds when its residual is at most the tolerance.

Rules are judged on what was executed, never on what was planned, and never by the projection itself.
Every comparison is written so that NaN counts as a violation, and nothing here is an `assert`: the rules survive
`python -O`. Every array may have a leading axis of communities, so that many steps are judged at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autonomy.layers import physics
from autonomy.layers.arrays import Mask, Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Decision

TOLERANCE_KW = 1e-5
"""kW (and kWh), largest residual that still counts as held."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Execution:
    """One executed step, as measured; or one step of B communities, a row each, that have the same limits.

    With B rows (N,) reads (B, N), (M,) reads (B, M), and a number of the whole community reads (B,).

    Attributes:
        community: The community, with the limits that held during the step.
        energy_before_kwh: (N,) kWh at the start of the step.
        energy_after_kwh: (N,) kWh at its end.
        previous_battery_kw: (N,) kW of the step before.
        battery_kw: (N,) kW, + = charge.
        pv_kw: (N,) kW, available generation.
        demand_kw: (N,) kW, demand before shedding.
        curtail_kw: (N,) kW.
        shed_kw: (N,) kW.
        net_export_kw: (N,) kW, + = export.
        line_downstream_kw: (M,) kW at the downstream bus of each line, + = towards the grid.
        line_upstream_kw: (M,) kW at the upstream end.
        trade_kw: (N,) kW cleared by the market, + = sell.
        price: Currency/kWh of the trades, NaN when nothing was traded.
        feed_in_price: (N,) currency/kWh, or (1,) where it is the same for all.
        retail_price: (N,) currency/kWh, or (1,) likewise.
        feeder_kw: kW, net export of the community at the grid.
        loss_kw: kW of line losses.
    """

    community: Community
    energy_before_kwh: Vector
    energy_after_kwh: Vector
    previous_battery_kw: Vector
    battery_kw: Vector
    pv_kw: Vector
    demand_kw: Vector
    curtail_kw: Vector
    shed_kw: Vector
    net_export_kw: Vector
    line_downstream_kw: Vector
    line_upstream_kw: Vector
    trade_kw: Vector
    price: float | Vector
    feed_in_price: Vector
    retail_price: Vector
    feeder_kw: float | Vector
    loss_kw: float | Vector


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """A rule that was broken.

    Attributes:
        rule: The rule's name.
        index: Which prosumer or line; 0 for rules of the whole community.
        amount: By how much, in the rule's unit (NaN when a value was NaN).
        unit: The unit.
    """

    rule: str
    index: int
    amount: float
    unit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Invariant:
    """One safety rule.

    Attributes:
        name: Short name, used in reports.
        formula: The rule in the model's letters.
        unit: Unit of the residual.
        residual: Maps an execution to the amounts by which the rule is exceeded (<= 0 where held): (..., N) or
            (..., M), or (..., 1) for a rule of the whole community.
        is_exact: Whether the rule is granted no tolerance, because its residual has its own.
    """

    name: str
    formula: str
    unit: str
    residual: Callable[[Execution], NDArray[Any]]
    is_exact: bool = False


def _outside(value: Any, lower: Any, upper: Any) -> NDArray[Any]:
    """Return by how much `value` leaves [lower, upper]; negative inside, NaN for NaN."""
    beyond: NDArray[Any] = np.maximum(lower - value, value - upper)
    return beyond


def _magnitude(values: Any) -> Vector:
    result: Vector = np.abs(values)
    return result


def _of_community(values: float | Vector) -> NDArray[Any]:
    """Return a number of the whole community as an array whose last axis has one entry."""
    return np.asarray(values)[..., None]


def _soc(x: Execution) -> NDArray[Any]:
    # A battery that starts outside its band must not get worse, but for what it loses by itself; one that starts inside
    # must stay inside.
    low = np.minimum(x.community.energy_min_kwh, x.community.retention * x.energy_before_kwh)
    high = np.maximum(x.community.energy_max_kwh, x.energy_before_kwh)
    return _outside(x.energy_after_kwh, low, high)


def _storage(x: Execution) -> NDArray[Any]:
    expected = physics.rated_energy_after_kwh(x.community, x.energy_before_kwh, x.battery_kw)
    return _magnitude(x.energy_after_kwh - expected)


def _rate(x: Execution) -> NDArray[Any]:
    return _outside(x.battery_kw, -x.community.discharge_limit_kw, x.community.charge_limit_kw)


def _ramp(x: Execution) -> NDArray[Any]:
    return _magnitude(x.battery_kw - x.previous_battery_kw) - x.community.ramp_limit_kw


def _curtail(x: Execution) -> NDArray[Any]:
    return _outside(x.curtail_kw, 0.0, x.pv_kw)


def _shed(x: Execution) -> NDArray[Any]:
    return _outside(x.shed_kw, 0.0, x.demand_kw)


def _node(x: Execution) -> NDArray[Any]:
    expected = physics.net_export(x.pv_kw - x.curtail_kw, x.demand_kw - x.shed_kw, x.battery_kw)
    return _magnitude(x.net_export_kw - expected)


def _connection(x: Execution) -> NDArray[Any]:
    return _magnitude(x.net_export_kw) - x.community.connection_limit_kw


def _lines(x: Execution) -> NDArray[Any]:
    network = x.community.network
    ends = x.line_downstream_kw, x.line_upstream_kw
    beyond: Vector = np.maximum(
        -network.import_limit_kw - np.minimum(*ends), np.maximum(*ends) - network.export_limit_kw
    )
    return beyond


def _balance(x: Execution) -> NDArray[Any]:
    residual = physics.balance_residual_kw(
        generation_kw=x.pv_kw - x.curtail_kw,
        load_kw=x.demand_kw - x.shed_kw,
        battery_kw=x.battery_kw,
        grid_import_kw=-np.minimum(x.feeder_kw, 0.0),
        grid_export_kw=np.maximum(x.feeder_kw, 0.0),
        loss_kw=x.loss_kw,
    )
    return _magnitude(_of_community(residual))


def _trade_feasible(x: Execution) -> NDArray[Any]:
    return _outside(x.trade_kw, np.minimum(x.net_export_kw, 0.0), np.maximum(x.net_export_kw, 0.0))


def _trade_sum(x: Execution) -> NDArray[Any]:
    return _magnitude(_of_community(np.add.reduce(x.trade_kw, axis=-1)))


def _price(x: Execution) -> NDArray[Any]:
    # Currency is compared in 1e-9: prices are never rounded on the way.
    trading = x.trade_kw != 0.0
    outside = _outside(_of_community(x.price), x.feed_in_price - 1e-9, x.retail_price + 1e-9)
    return np.where(trading, outside, -1.0)


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(name="soc", formula="emin <= e' <= emax (never worse when e starts outside)", unit="kWh", residual=_soc),
    Invariant(name="storage", formula="e' = a·e + dt·(ec·max(b,0) − max(−b,0)/ed)", unit="kWh", residual=_storage),
    Invariant(name="rate", formula="−P⁻ <= b <= P⁺", unit="kW", residual=_rate),
    Invariant(name="ramp", formula="|b − b_prev| <= R", unit="kW", residual=_ramp),
    Invariant(name="curtailment", formula="0 <= c <= g", unit="kW", residual=_curtail),
    Invariant(name="shedding", formula="0 <= s <= d", unit="kW", residual=_shed),
    Invariant(name="node balance", formula="n = (g − c) − (d − s) − b", unit="kW", residual=_node),
    Invariant(name="connection", formula="|n| <= K", unit="kW", residual=_connection),
    Invariant(name="line", formula="−Limp <= Σ n <= Lexp, both ends, every line", unit="kW", residual=_lines),
    Invariant(
        name="power balance",
        formula="generation + imports + discharge = consumption + exports + charge + losses",
        unit="kW",
        residual=_balance,
    ),
    Invariant(name="trade feasibility", formula="min(0, n) <= t <= max(0, n)", unit="kW", residual=_trade_feasible),
    Invariant(name="trade sum", formula="Σ t = 0", unit="kW", residual=_trade_sum),
    Invariant(name="price", formula="feed-in <= price <= retail", unit="currency/kWh", residual=_price, is_exact=True),
)


EXACT = tuple(rule for rule in INVARIANTS if rule.is_exact)
TOLERANT = tuple(rule for rule in INVARIANTS if not rule.is_exact)


def are_held(execution: Execution, tolerance: float = TOLERANCE_KW) -> Mask:
    """Return (...) whether a step kept every rule within `tolerance`; an amount that is not a number keeps none."""
    residuals = np.concatenate([rule.residual(execution) for rule in TOLERANT], axis=-1)
    held = (residuals <= tolerance).all(axis=-1)
    for rule in EXACT:
        held = held & (rule.residual(execution) <= 0.0).all(axis=-1)
    return np.asarray(held)


def violations(execution: Execution, tolerance: float = TOLERANCE_KW) -> tuple[Violation, ...]:
    """Return every rule that one step broke by more than `tolerance`, or by an amount that is not a number."""
    if are_held(execution, tolerance):
        return ()
    found = []
    for rule in INVARIANTS:
        residual = rule.residual(execution)
        held = residual <= (0.0 if rule.is_exact else tolerance)
        found += [
            Violation(rule=rule.name, index=int(i), amount=float(residual[i]), unit=rule.unit)
            for i in np.flatnonzero(~held)
        ]
    return tuple(found)


def unannounced(found: tuple[Violation, ...], decision: Decision) -> tuple[Violation, ...]:
    """Leave out ramp excursions that the decision announced: a harder limit came first, and it said so.

    A reason that names prosumers announces theirs only; one that names none announces everybody's.
    """
    if not found:
        return found
    announced = [reason.prosumers for reason in decision.reasons if reason.cause is Cause.RAMP_RELAXED]
    return tuple(
        violation
        for violation in found
        if violation.rule != "ramp" or not any(not hit or violation.index in hit for hit in announced)
    )

"""The specification: given a community, what a host sent, and a decision, which rules does the decision break?

Written from the description of the model and its guarantees in `docs/how-it-works.md`, not from the code, and without
importing any of the package's formulas. Every number is a float as the host gave it or as the decision has it, read
as the exact fraction that it is; sums, products and comparisons are exact. There is no tolerance but for these three:

* a line or connection whose limit is below a milliwatt a prosumer, and one, is held to that much;
* a ramp window and SoC box that meet in less than a milliwatt are met to a milliwatt;
* energies are held to 1e-300 kWh, because floats below 1e-308 have no relative precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal, Inexact, InvalidOperation, localcontext
from fractions import Fraction
from math import inf, isfinite
from typing import Any, TypeAlias

import numpy as np

from autonomy import Community, Decision, Limits

FIELDS = ("battery_kw", "trade_kw", "price_bid", "curtail_kw", "shed_kw", "net_export_kw")
CAPS = ("generation_cap_kw", "load_cap_kw")
RATED = ("charge_limit_kw", "discharge_limit_kw", "soc_min", "soc_max", "charge_efficiency", "discharge_efficiency",
         "connection_limit_kw")  # fmt: skip
NO_DOUBT = (
    "policy-raised", "policy-shape", "policy-late", "intent-not-finite", "intent-clipped", "line-limit",
    "connection-limit", "voltage-limit", "look-ahead", "curtailed", "shed", "trade-cut", "price-clipped", "price-order",
    "field-unknown", "limits-rejected", "ramp-relaxed", "limit-not-held", "solver-failed", "check-failed",
    "field-missing", "field-shape", "not-finite", "negative", "soc-range", "soc-outside-band",
)  # fmt: skip
"""Causes that say nothing of what is measured, or nothing that is not read here as well."""
Exact: TypeAlias = Any
"""A class of numbers that are exact sums and products of floats: `Fraction`, or `Decimal` in `exactly`."""
MILLIWATT: dict[Exact, Any] = {Fraction: Fraction(1, 10**6), Decimal: Decimal("1e-6")}
FALLBACKS = ("support", "grid-only", "dead-stop")
RANGES = {
    "charge_limit_kw": (0.0, 1.7976931348623157e308),
    "discharge_limit_kw": (0.0, 1.7976931348623157e308),
    "soc_min": (0.0, 1.0),
    "soc_max": (0.0, 1.0),
    "charge_efficiency": (1e-6, 1.0),
    "discharge_efficiency": (1e-6, 1.0),
    "connection_limit_kw": (0.0, inf),
    "active": (0.0, 1.0),
    "can_curtail": (0.0, 1.0),
    "can_shed": (0.0, 1.0),
}
"""What a limit for one step may be; anything else, and the community's own value holds for that prosumer."""


@dataclass(frozen=True)
class Prosumer:
    """One prosumer at one step; a measurement that says nothing is None.

    Attributes:
        number: What its numbers are.
        demand: kW.
        pv: kW.
        energy: kWh.
        prices: Feed-in and retail price.
        limits: The numbers of `RANGES` that hold in this step.
        capacity: kWh.
        kept: What a step leaves of the energy, a fraction.
        ramp: kW a step.
        before: kW, battery power of the step before; None when there was no such step.
    """

    number: Exact
    demand: Any
    pv: Any
    energy: Any
    prices: tuple[float, float] | None
    limits: Mapping[str, float]
    capacity: Any
    kept: Any
    ramp: float
    before: float | None

    @property
    def is_metered(self) -> bool:
        return self.demand is not None and self.pv is not None


@contextmanager
def exactly() -> Iterator[type[Decimal]]:
    """Give `Decimal` as a class of exact numbers, some four times as fast as `Fraction`; what is inexact raises."""
    with localcontext(prec=1_000_000, Emax=10**8, Emin=-(10**8), traps=[Inexact, InvalidOperation]):
        yield Decimal


def numbers(value: Any, size: int) -> list[float] | None:
    """Return a value as one float a prosumer (any float), or None when it is no list of numbers."""
    if value is None:
        return None
    try:
        array = np.asarray(value, dtype=np.float64)
    except Exception:  # noqa: BLE001 - a value may raise anything when it is looked at
        return None
    if array.ndim == 0:
        return [float(array)] * size
    return [float(x) for x in array] if array.shape == (size,) else None


def read(community: Community, observation: Mapping[str, Any], before: Any, number: Exact = Fraction) -> list[Prosumer]:
    """Return what an observation says of every prosumer; `before` is the last decision's battery power, or None."""
    size = community.n_prosumers
    limits = _limits(community, observation.get("limits"))
    nothing = [float("nan")] * size
    given = {
        name: numbers(observation.get(name), size) or nothing
        for name in ("demand_kw", "pv_kw", "soc", "retail_price", "feed_in_price", "applied_battery_kw")
    }
    found = []
    for i in range(size):
        own = {name: values[i] for name, values in limits.items()}
        demand, pv = (_power(given[name][i]) for name in ("demand_kw", "pv_kw"))
        soc, retail, feed_in = given["soc"][i], given["retail_price"][i], given["feed_in_price"][i]
        priced = abs(retail) <= 1e6 and abs(feed_in) <= 1e6 and feed_in <= retail
        capacity = number(float(community.battery_capacity_kwh[i]))
        if capacity == 0:
            soc = 0.0
        applied = given["applied_battery_kw"][i]
        known = demand is not None and pv is not None
        found.append(
            Prosumer(
                number=number,
                demand=number(demand) if known else None,
                pv=number(pv) if known else None,
                energy=number(soc) * capacity if 0.0 <= soc <= 1.0 else None,
                prices=(feed_in, retail) if priced else None,
                limits=own,
                capacity=capacity,
                kept=number(float(community.retention[i])),
                ramp=float(community.ramp_limit_kw[i]),
                before=None if before is None else applied if isfinite(applied) else float(before[i]),
            )
        )
    return found


def _power(value: float) -> float | None:
    """Return a power as measured; what a difference of two meters rounds to below 0 is 0."""
    return max(value, 0.0) if -1e-6 <= value <= 1e9 else None


def _limits(community: Community, given: Any) -> dict[str, list[float]]:
    size = community.n_prosumers
    own = {name: [float(x) for x in getattr(community, name)] for name in RATED}
    own |= {name: [1.0] * size for name in ("active", "can_curtail", "can_shed")}
    if not isinstance(given, Limits | Mapping):
        return own
    step = {name: list(values) for name, values in own.items()}
    for name, (low, high) in RANGES.items():
        value = given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)
        for i, x in enumerate(numbers(value, size) or []):
            if low <= x <= high:
                step[name][i] = x
    for i in range(size):
        if step["soc_min"][i] > step["soc_max"][i]:
            step["soc_min"][i], step["soc_max"][i] = own["soc_min"][i], own["soc_max"][i]
    return step


def _grid(given: Any) -> list[float]:
    """Return kW that the grid delivers and takes in this step; inf where nothing usable is said."""
    if not isinstance(given, Limits | Mapping):
        return [inf, inf]
    found = []
    for name in ("grid_import_limit_kw", "grid_export_limit_kw"):
        value = given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)
        # One number for the whole community: a list of them is no limit, however short.
        is_list = isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0)
        limit = None if is_list else numbers(value, 1)
        found.append(limit[0] if limit is not None and limit[0] >= 0.0 else inf)
    return found


def broken_rules(
    community: Community,
    observation: Mapping[str, Any],
    decision: Decision,
    *,
    before: Any = None,
    number: Exact = Fraction,
) -> list[str]:
    """Return every rule that a decision breaks, in words; `before` is (N,) kW, without which no ramp is checked.

    The last rules are about what is executed: generation is at most its cap and load at most its cap, every battery
    follows its set-point, and whoever has a meter generates and uses at least what was planned.
    """
    found = _shapes(community, decision)
    if found:
        return found
    prosumers = read(community, observation, before, number)
    reasons = [(str(reason.cause.value), reason.prosumers) for reason in decision.reasons]
    causes = {cause for cause, _ in reasons}
    stopped = decision.mode.value == "dead-stop"
    if decision.mode.value in FALLBACKS and not reasons:
        found.append("a fallback without a reason")
    for i in range(community.n_prosumers):
        point = {name: number(float(getattr(decision, name)[i])) for name in FIELDS}
        doubted = any(cause not in NO_DOUBT and (not hit or i in hit) for cause, hit in reasons)
        is_still = not any(point[name] for name in FIELDS if name != "price_bid")
        if doubted and is_still and prosumers[i].pv != prosumers[i].demand:
            # A monitor may say that a meter is not to be believed; whatever it says, the caps have to do then.
            prosumers[i] = replace(prosumers[i], demand=None, pv=None)
        prosumer = prosumers[i]
        found += [f"{rule} of prosumer {i}" for rule in _alone(prosumer, point, decision.mode.value)]
        if not keeps_band(prosumer, point["battery_kw"], community.timestep_h):
            found.append(f"soc of prosumer {i}")
        announced = (
            stopped
            or (doubted and point["battery_kw"] == 0)
            or any(cause == "ramp-relaxed" and (not hit or i in hit) for cause, hit in reasons)
        )
        if not announced and not _keeps_ramp(prosumer, point["battery_kw"], community.timestep_h):
            found.append(f"ramp of prosumer {i}")
    spans = [_span(prosumer, decision, i, stopped) for i, prosumer in enumerate(prosumers)]
    grid = _grid(observation.get("limits"))
    over = _over(community, prosumers, spans, grid)
    if "limit-not-held" not in causes:
        return found + [f"{rule} by {float(amount):.3e} kW" for rule, amount in over.items()]
    if all(p.limits["can_curtail"] and p.limits["can_shed"] for p in prosumers):
        found.append("a limit given up although everything can be cut")
    admitted = sum(number(r.amount_kw) for r in decision.reasons if r.cause.value == "limit-not-held")
    # What is admitted does not count the losses of what is too much.
    planned = [(low, low) for low in (_planned(prosumer, decision, i) for i, prosumer in enumerate(prosumers))]
    if sum(_over(community, prosumers, planned, grid, with_losses=False).values()) > admitted + _milliwatts(number, 1):
        found.append("a limit exceeded by more than is admitted")
    return found


def _shapes(community: Community, decision: Decision) -> list[str]:
    size, found = community.n_prosumers, []
    for name in FIELDS + CAPS:
        values = getattr(decision, name)
        if not (isinstance(values, np.ndarray) and values.dtype == np.float64 and values.shape == (size,)):
            found.append(f"{name} is no array of {size} floats")
        elif not all(x >= 0.0 if name in CAPS else isfinite(x) for x in values.tolist()):
            found.append(f"{name} is not finite")
    return found


def _alone(prosumer: Prosumer, point: Mapping[str, Any], mode: str) -> list[str]:
    """Return the rules broken that concern one prosumer at one step, connection aside."""
    number, limits, found = prosumer.number, prosumer.limits, []
    battery, curtail, shed, trade = (point[n] for n in ("battery_kw", "curtail_kw", "shed_kw", "trade_kw"))
    usable = prosumer.is_metered and prosumer.energy is not None and limits["active"] > 0.0
    if not -number(limits["discharge_limit_kw"]) <= battery <= number(limits["charge_limit_kw"]):
        found.append("rate")
    if battery != 0 and not usable:
        found.append("battery that cannot be used")
    if prosumer.demand is None or prosumer.pv is None:
        if (curtail, shed, trade) != (0, 0, 0):
            found.append("set-point without a meter")
        return found
    if not 0 <= curtail <= (prosumer.pv if limits["can_curtail"] else 0):
        found.append("curtailment")
    if not 0 <= shed <= (prosumer.demand if limits["can_shed"] else 0):
        found.append("shedding")
    net = (prosumer.pv - curtail) - (prosumer.demand - shed) - battery
    size = prosumer.pv + prosumer.demand + abs(battery)
    if mode != "dead-stop" and abs(point["net_export_kw"] - net) * 10**15 > size:
        found.append("node balance")
    stated = point["net_export_kw"]
    if not min(stated, 0) <= trade <= max(stated, 0):
        found.append("trade")
    if trade != 0 and (prosumer.prices is None or mode in FALLBACKS):
        found.append("trade that may not be")
    if prosumer.prices is not None and mode != "dead-stop":
        feed_in, retail = prosumer.prices
        if not number(feed_in) <= point["price_bid"] <= number(retail):
            found.append("price")
    return found


def keeps_band(prosumer: Prosumer, battery: Any, timestep_h: float) -> bool:
    """Return whether the energy after the step is in its band, or no further outside than before.

        e' = a·e + dt·(ec·max(b, 0) − max(−b, 0)/ed)        a is what a step leaves of the energy

    For b < 0 both sides are multiplied by ed, because a quotient need not be exact.
    """
    number, limits = prosumer.number, prosumer.limits
    if prosumer.energy is None:
        return bool(battery == 0)
    low, high = (number(limits[name]) * prosumer.capacity for name in ("soc_min", "soc_max"))
    left = prosumer.kept * prosumer.energy
    low, high = min(low, left), max(high, prosumer.energy)
    ed, moved = number(limits["discharge_efficiency"]), number(timestep_h) * battery
    after = left + number(limits["charge_efficiency"]) * moved
    if battery < 0:
        low, high, after = low * ed, high * ed, left * ed + moved
    return bool(low <= after <= high) or bool(max(low - after, after - high) * 10**300 <= 1)


def _keeps_ramp(prosumer: Prosumer, battery: Any, timestep_h: float) -> bool:
    number, milliwatt = prosumer.number, _milliwatts(prosumer.number, 1)
    if prosumer.before is None or not isfinite(prosumer.ramp):
        return True
    change, ramp = battery - number(prosumer.before), number(prosumer.ramp)
    if abs(change) <= ramp:
        return True
    # Where SoC and window meet in less than a milliwatt, there may be no whole one inside.
    next_one = battery + (milliwatt if change < 0 else -milliwatt)
    meets = (
        keeps_band(prosumer, next_one, timestep_h)
        and -number(prosumer.limits["discharge_limit_kw"]) <= next_one <= number(prosumer.limits["charge_limit_kw"])
        and abs(next_one - number(prosumer.before)) <= ramp
    )
    return abs(change) <= ramp + milliwatt and not meets


def _planned(prosumer: Prosumer, decision: Decision, i: int) -> Any:
    """Return the net export that is planned; 0 where nothing is measured."""
    if prosumer.demand is None or prosumer.pv is None:
        return prosumer.number(0)
    battery, curtail, shed = (
        prosumer.number(float(getattr(decision, n)[i])) for n in ("battery_kw", "curtail_kw", "shed_kw")
    )
    return (prosumer.pv - curtail) - (prosumer.demand - shed) - battery


def _span(prosumer: Prosumer, decision: Decision, i: int, stopped: bool) -> tuple[Any, Any]:
    """Return the least and the largest net export that can come of a decision; infinite where nothing caps it."""
    number = prosumer.number
    most, load_most = (_exact(number, float(getattr(decision, name)[i])) for name in CAPS)
    least, load_least, battery = number(0), number(0), number(float(decision.battery_kw[i]))
    if prosumer.demand is not None and prosumer.pv is not None and not stopped:
        least = min(most, prosumer.pv - number(float(decision.curtail_kw[i])))
        load_least = min(load_most, prosumer.demand - number(float(decision.shed_kw[i])))
    low = -inf if load_most == inf else least - load_most - battery
    return low, inf if most == inf else most - load_least - battery


def _exact(number: Exact, value: float) -> Any:
    return number(value) if isfinite(value) else value


def _over(
    community: Community,
    prosumers: list[Prosumer],
    spans: list[tuple[Any, Any]],
    grid: list[float],
    *,
    with_losses: bool = True,
) -> dict[str, Any]:
    """Return by how many kW connections and lines can be exceeded, by name; nothing for those that are kept."""
    network, number, over = community.network, prosumers[0].number, {}
    for i, (low, high) in enumerate(spans):
        limit = _at_least(number, prosumers[i].limits["connection_limit_kw"], 2)
        if not -limit <= low <= high <= limit:
            over[f"connection of prosumer {i}"] = _excess(low, high, limit, limit)
    parent, lines = [int(k) for k in network.parent], range(network.n_lines)
    below: list[list[int]] = [[] for _ in lines]
    for i, bus in enumerate(network.bus_of_prosumer):
        line = int(bus)
        while line >= 0:
            below[line].append(i)
            line = parent[line]
    coefficient = [number(float(r)) * 1000 / number(network.nominal_voltage_v) ** 2 for r in network.resistance_ohm]
    lossy = with_losses and any(coefficient)
    for k in lines:
        limits = [float(network.import_limit_kw[k]), float(network.export_limit_kw[k])]
        if parent[k] < 0:
            # What the lines lose at most passes the feeder even where the grid delivers less.
            limits = [min(limits[0], max(grid[0], _most_lost(network))), min(limits[1], grid[1])]
        imports, exports = (_at_least(number, limit, len(below[k]) + 1) for limit in limits)
        high = _sum(spans[i][1] for i in below[k])
        low = _with_losses(k, parent, coefficient, network, spans) if lossy else _sum(spans[i][0] for i in below[k])
        if not -imports <= low <= high <= exports:
            over[f"line {k}"] = _excess(low, high, imports, exports)
    return over


def _most_lost(network: Any) -> float:
    """Return kW that all lines together can lose, a hair more than the floats of it."""
    lost = 0.0
    for k, resistance in enumerate(network.resistance_ohm):
        if resistance > 0:
            most = max(float(network.import_limit_kw[k]), float(network.export_limit_kw[k]))
            lost += 1000.0 * float(resistance) / network.nominal_voltage_v**2 * most**2
    return lost * (1.0 + 1e-12)


def _sum(values: Iterable[Any]) -> Any:
    found = list(values)
    return next((x for x in found if x in (inf, -inf)), None) or sum(found)


def _excess(low: Any, high: Any, imports: Any, exports: Any) -> Any:
    if high == inf or low == -inf:
        return inf
    return max(0 if exports == inf else high - exports, 0 if imports == inf else -imports - low)


def _milliwatts(number: Exact, count: int) -> Any:
    return count * MILLIWATT[number]


def _at_least(number: Exact, limit: float, milliwatts: int) -> Any:
    return limit if limit == inf else max(number(limit), _milliwatts(number, milliwatts))


def _with_losses(line: int, parent: list[int], coefficient: list[Any], network: Any, spans: Any) -> Any:
    """Return the least flow at the upper end of a line, where its losses have been added to the imports."""
    flow = _sum(spans[i][0] for i, bus in enumerate(network.bus_of_prosumer) if int(bus) == line)
    for k, above in enumerate(parent):
        if above == line:
            flow += _with_losses(k, parent, coefficient, network, spans)
    return flow - coefficient[line] * flow**2 if coefficient[line] else flow

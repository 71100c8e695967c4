"""The formulas of the reference model, one a function: what `autonomy.dispatch.reference` gives to Pyomo.

Each takes the model m and where it holds: step t, prosumer i, line or slice j. Numbers and sets of m are listed at the
end, variables in `reference`. Nothing here knows Pyomo, so other tools can be given the same page.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.assets import wear
from autonomy.dispatch.facts import Facts
from autonomy.layers.arrays import Mask


def net(m: Any, t: int, i: int) -> Any:
    """Balance of a node: n = (g − c) − (d − s) − b with b = ch − dis."""
    return m.n[t, i] == (m.g[t][i] - m.c[t, i]) - (m.d[t][i] - m.s[t, i]) - (m.ch[t, i] - m.dis[t, i])


def node_export(m: Any, t: int, i: int) -> Any:
    """Connection limit: n <= K."""
    return m.n[t, i] <= m.K[i]


def node_import(m: Any, t: int, i: int) -> Any:
    """Connection limit: n >= −K."""
    return m.n[t, i] >= -m.K[i]


def line_import(m: Any, t: int, line: int) -> Any:
    """Import limit of a line: Σ n of those below it >= −(Limp − worst-case losses)."""
    return m.sum(m.n[t, i] for i in m.below[line]) >= -m.Limp[t][line]


def line_export(m: Any, t: int, line: int) -> Any:
    """Export limit of a line: Σ n of those below it <= Lexp."""
    return m.sum(m.n[t, i] for i in m.below[line]) <= m.Lexp[t][line]


def storage(m: Any, t: int, i: int) -> Any:
    """Balance of a battery: e' = a·e + dt·(ec·ch − dis/ed)."""
    return m.e[t, i] == m.a[i] * before(m, t, i) + m.dt * (m.ec[i] * m.ch[t, i] - m.dis[t, i] / m.ed[i])


def either_charge(m: Any, t: int, i: int) -> Any:
    """Not both: ch <= P⁺·charging."""
    return m.ch[t, i] <= m.Pch[t][i] * m.charging[t, i]


def or_discharge(m: Any, t: int, i: int) -> Any:
    """Not both: dis <= P⁻·(1 − charging)."""
    return m.dis[t, i] <= m.Pdis[t][i] * (1 - m.charging[t, i])


def band_top(m: Any, t: int, i: int) -> Any:
    """Who charges ends at emax or below; who is above it anyway may only get emptier."""
    return m.e[t, i] <= m.emax[t][i] + (m.ehigh[t][i] - m.emax[t][i]) * (1 - m.charging[t, i])


def band_bottom(m: Any, t: int, i: int) -> Any:
    """Who discharges ends at emin or above; who is below it anyway may only get fuller."""
    return m.e[t, i] >= m.emin[t][i] + (m.elow[t][i] - m.emin[t][i]) * m.charging[t, i]


def ramp_up(m: Any, t: int, i: int) -> Any:
    """Ramp limit: b − b_prev <= R."""
    return battery(m, t, i) - battery(m, t - 1, i) <= m.R[i]


def ramp_down(m: Any, t: int, i: int) -> Any:
    """Ramp limit: b_prev − b <= R."""
    return battery(m, t - 1, i) - battery(m, t, i) <= m.R[i]


def feeder(m: Any, t: int) -> Any:
    """The feeder: Σ n = exp − imp."""
    return m.sum(m.n[t, i] for i in m.N) == m.exp[t] - m.imp[t]


def either_import(m: Any, t: int) -> Any:
    """Not both: imp <= Limp·importing."""
    return m.imp[t] <= min(m.Limp[t][m.facts.feeder], sum(m.most_in[t])) * m.importing[t]


def or_export(m: Any, t: int) -> Any:
    """Not both: exp <= Lexp·(1 − importing)."""
    return m.exp[t] <= min(m.Lexp[t][m.facts.feeder], sum(m.most_out[t])) * (1 - m.importing[t])


def exchange(m: Any, t: int, i: int) -> Any:
    """Market and grid: n = t + x. What is left goes to neighbours or to the grid, what lacks comes from them."""
    return m.n[t, i] == (m.t_out[t, i] + m.x_out[t, i]) - (m.t_in[t, i] + m.x_in[t, i])


def either_buy(m: Any, t: int, i: int) -> Any:
    """Nobody buys and sells at once, with neighbours and grid together."""
    return m.t_in[t, i] + m.x_in[t, i] <= m.most_in[t][i] * m.buying[t, i]


def or_sell(m: Any, t: int, i: int) -> Any:
    """Nobody sells and buys at once."""
    return m.t_out[t, i] + m.x_out[t, i] <= m.most_out[t][i] * (1 - m.buying[t, i])


def market(m: Any, t: int) -> Any:
    """The market balances: Σ t = 0. What is sold to neighbours is bought by neighbours."""
    return m.sum(m.t_out[t, i] for i in m.N) == m.sum(m.t_in[t, i] for i in m.N)


def highest_import(m: Any, t: int) -> Any:
    """The peak of a month is no less than the import of any of its steps."""
    return m.peak[int(m.facts.month[t])] >= m.imp[t]


def departure(m: Any, t: int, i: int) -> Any:
    """A car leaves with what it requires, or lacks the rest: e + missing >= E."""
    return m.e[t, i] + m.missing[t, i] >= m.required[t][i]


def road_at_most_all(m: Any, t: int, i: int) -> Any:
    """A drive takes min(drive, max(e − floor, 0)), e being what the car left with: at most drive, nothing below."""
    return m.road[t, i] <= m.drive[t][i] * m.above[t, i]


def road_at_most_there(m: Any, t: int, i: int) -> Any:
    """It takes at most e − floor."""
    left, least = stored(m, t - 1, i), m.elow[t - 1][i] if t else m.e_start[i]
    return m.road[t, i] <= left - m.floor[i] + max(m.floor[i] - least, 0.0) * (1 - m.above[t, i])


def road_at_least_all(m: Any, t: int, i: int) -> Any:
    """It takes all of drive where the car left with enough for it."""
    return m.road[t, i] >= m.drive[t][i] * m.enough[t, i]


def road_at_least_there(m: Any, t: int, i: int) -> Any:
    """It takes all that was there above the floor where that was not enough."""
    left, most = stored(m, t - 1, i), m.ehigh[t - 1][i] if t else m.e_start[i]
    return m.road[t, i] >= left - m.floor[i] - max(most - m.floor[i], 0.0) * m.enough[t, i]


def slices(m: Any, t: int, i: int, j: int) -> Any:
    """Balance of a slice: q' = a·q + fill − draw. Self-discharge takes the same share of every slice."""
    begin = m.slice_start[i][j] if t == 0 else m.q[t - 1, i, j]
    return m.q[t, i, j] == m.a[i] * begin + m.fill[t, i, j] - m.draw[t, i, j]


def filled(m: Any, t: int, i: int) -> Any:
    """What is charged goes into the slices: Σ fill = dt·ec·ch. Cost alone makes it the shallowest with room."""
    return m.sum(m.fill[t, i, j] for j in m.J) == m.dt * m.ec[i] * m.ch[t, i]


def drawn(m: Any, t: int, i: int) -> Any:
    """What is discharged comes from the slices: Σ draw = dt·dis/ed. Cost alone makes it the shallowest with energy."""
    return m.sum(m.draw[t, i, j] for j in m.J) == m.dt * m.dis[t, i] / m.ed[i]


CONSTRAINTS = (
    ("net", ("T", "N"), net),
    ("node_export", ("T", "CONNECTED"), node_export),
    ("node_import", ("T", "CONNECTED"), node_import),
    ("line_import", ("LIMP",), line_import),
    ("line_export", ("LEXP",), line_export),
    ("storage", ("T", "N"), storage),
    ("either_charge", ("T", "N"), either_charge),
    ("or_discharge", ("T", "N"), or_discharge),
    ("band_top", ("LOOSE",), band_top),
    ("band_bottom", ("LOOSE",), band_bottom),
    ("ramp_up", ("T", "RAMPED"), ramp_up),
    ("ramp_down", ("T", "RAMPED"), ramp_down),
    ("feeder", ("T",), feeder),
    ("either_import", ("T",), either_import),
    ("or_export", ("T",), or_export),
    ("exchange", ("APART", "N"), exchange),
    ("either_buy", ("APART", "N"), either_buy),
    ("or_sell", ("APART", "N"), or_sell),
    ("market", ("APART",), market),
    ("highest_import", ("PEAKS",), highest_import),
    ("departure", ("LEAVING",), departure),
    ("road_at_most_all", ("BACK",), road_at_most_all),
    ("road_at_most_there", ("BACK",), road_at_most_there),
    ("road_at_least_all", ("BACK",), road_at_least_all),
    ("road_at_least_there", ("BACK",), road_at_least_there),
    ("slices", ("T", "WORN", "J"), slices),
    ("filled", ("T", "WORN"), filled),
    ("drawn", ("T", "WORN"), drawn),
)
"""Name, sets and formula of every constraint; bounds of single variables stand with the variables."""


def cost(m: Any) -> Any:
    """The cost of `Economics`, line losses left out.

    Σ dt·(retail·imp − feed-in·exp), by prosumer and with the fee where trade is not free, + carbon·dt·imp
    + dt·wear·(ch + dis) + dt·voll·s + dt·(price of curtailing)·c + capacity price·peaks + missing price·missing
    + Σ_j cycle price·c_j·draw_j − terminal price·(Σ e_T − Σ e_0)
    """
    facts, economics = m.facts, m.facts.economics
    retail, feed_in = facts.retail_price.tolist(), facts.feed_in_price.tolist()
    carbon, fee = facts.carbon_cost_per_kwh.tolist(), economics.trade_fee_per_kwh
    worn = (economics.cycle_price_per_kwh * wear.life_by_slice(economics)).tolist()
    grid = m.sum(retail[t] * m.imp[t] - feed_in[t] * m.exp[t] for t in m.TOGETHER)
    grid += m.sum(
        retail[t] * m.x_in[t, i] - feed_in[t] * m.x_out[t, i] + fee * m.t_in[t, i] for t in m.APART for i in m.N
    )
    grid += m.sum(carbon[t] * m.imp[t] for t in m.T)
    at_nodes = m.sum(
        economics.wear_per_kwh * (m.ch[t, i] + m.dis[t, i])
        + economics.value_of_lost_load_per_kwh * m.s[t, i]
        + facts.curtail_price_per_kwh * m.c[t, i]
        for t in m.T
        for i in m.N
    )
    peaks = economics.capacity_price_per_kw * m.sum(m.peak[month] for month in m.MONTHS)
    missing = economics.missing_charge_price_per_kwh * m.sum(m.missing[key] for key in m.LEAVING)
    cycles = m.sum(worn[j] * m.draw[t, i, j] for t in m.T for i in m.WORN for j in m.J)
    gained = m.sum(m.e[facts.n_steps - 1, i] for i in m.N) - sum(m.e_start)
    return m.dt * (grid + at_nodes) + peaks + missing + cycles - facts.terminal_price * gained


def battery(m: Any, t: int, i: int) -> Any:
    """Battery power: b = ch − dis, + = charge; before the window what it was."""
    return m.b_start[i] if t < 0 else m.ch[t, i] - m.dis[t, i]


def stored(m: Any, t: int, i: int) -> Any:
    """Stored energy e at the end of step t; before the window what it was."""
    return m.e_start[i] if t < 0 else m.e[t, i]


def before(m: Any, t: int, i: int) -> Any:
    """Stored energy at the beginning of step t: what was left behind, less what a car that comes back has driven."""
    return stored(m, t - 1, i) - m.road[t, i] if (t, i) in m.BACK else stored(m, t - 1, i)


# Numbers and sets -----------------------------------------------------------------------------------------------------


def name_numbers(m: Any, facts: Facts) -> None:
    """Give m the numbers under the letters of the formulas, as lists: tools like Pyomo are slow with arrays."""
    m.facts = facts
    m.dt = facts.timestep_h
    m.d, m.g = facts.demand_kw.tolist(), facts.pv_kw.tolist()
    m.Pch, m.Pdis = facts.charge_limit_kw.tolist(), facts.discharge_limit_kw.tolist()
    m.emin, m.emax = facts.energy_min_kwh.tolist(), facts.energy_max_kwh.tolist()
    m.ec, m.ed, m.a = facts.charge_efficiency.tolist(), facts.discharge_efficiency.tolist(), facts.retention.tolist()
    m.R, m.K = facts.ramp_limit_kw.tolist(), facts.connection_limit_kw.tolist()
    m.Limp, m.Lexp, m.below = facts.line_import_kw.tolist(), facts.line_export_kw.tolist(), facts.below
    m.e_start, m.b_start = facts.energy_kwh.tolist(), facts.battery_kw.tolist()
    m.drive, m.floor = facts.drive_kwh.tolist(), facts.road_floor_kwh.tolist()
    m.required = facts.leaving_with_kwh.tolist()
    lowest, highest = facts.energy_bounds_kwh
    m.elow, m.ehigh = lowest.tolist(), highest.tolist()
    m.most_in = (facts.demand_kw + facts.charge_limit_kw).tolist()
    m.most_out = (facts.pv_kw + facts.discharge_limit_kw).tolist()
    m.slice_kwh = (facts.capacity_kwh / wear.SEGMENTS).tolist()
    m.slice_start = wear.filled(facts.energy_kwh, facts.capacity_kwh).tolist()


def sets_of(facts: Facts) -> dict[str, tuple[str, int, list[Any]]]:
    """Return the sets of the model by name: what is in them, how many numbers a member has, and the members."""
    lowest, highest = facts.energy_bounds_kwh
    outside = (lowest < facts.energy_min_kwh) | (highest > facts.energy_max_kwh)
    worn = (facts.capacity_kwh > 0) & (facts.economics.cycle_price_per_kwh > 0)
    steps, leaving = list(range(facts.n_steps)), np.isfinite(facts.leaving_with_kwh)
    used = np.array([bool(below) for below in facts.below])
    into, out_of = np.isfinite(facts.line_import_kw) & used, np.isfinite(facts.line_export_kw) & used
    return {
        "T": ("steps", 1, steps),
        "N": ("prosumers", 1, list(range(facts.n_prosumers))),
        "J": ("slices of a battery, the shallowest first", 1, list(range(wear.SEGMENTS))),
        "MONTHS": ("calendar months", 1, sorted(set(facts.month.tolist()))),
        "TOGETHER": ("steps in which trade inside the community is free", 1, _numbers(~facts.settled_apart)),
        "APART": ("steps in which it matters who trades with whom", 1, _numbers(facts.settled_apart)),
        "CONNECTED": ("prosumers with a connection limit", 1, _numbers(np.isfinite(facts.connection_limit_kw))),
        "RAMPED": ("batteries with a ramp limit", 1, _numbers(np.isfinite(facts.ramp_limit_kw))),
        "WORN": ("batteries whose cycles cost something", 1, _numbers(worn)),
        "PEAKS": ("steps whose import may cost a peak", 1, steps if facts.economics.capacity_price_per_kw > 0 else []),
        "LIMP": ("(step, line) with an import limit and somebody below", 2, list(facts.pairs(into))),
        "LEXP": ("(step, line) with an export limit and somebody below", 2, list(facts.pairs(out_of))),
        "LOOSE": ("(step, battery) that may be outside its band", 2, list(facts.pairs(outside))),
        "BACK": ("(step, car) that is back from a drive", 2, list(facts.pairs(facts.drive_kwh > 0))),
        "LEAVING": ("(step, car) that leaves after the step", 2, list(facts.pairs(leaving))),
    }


def _numbers(mask: Mask) -> list[int]:
    found: list[int] = np.flatnonzero(mask).tolist()
    return found

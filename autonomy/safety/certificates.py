"""Checks certificates with nothing but Python: linear programs, branch-and-bound trees, and what they prove.

Written from docs/safety-certificates.md alone. verify.py loads this file from beside itself. Numbers are fractions, and
nothing is rounded; what does not hold raises ValueError.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

INF, ZERO, ONE, MICRO = math.inf, Fraction(0), Fraction(1), Fraction(1, 10**6)
Number = Any  # a Fraction, or ±inf
Columns = list[tuple[Number, Number, Number, int]]  # cost, lower, upper, is integer
Rows = list[tuple[dict[int, Number], Number, Number]]  # amounts by column, lower and upper or None


def need(holds: bool, text: str) -> None:
    """Refuse what does not hold."""
    if not holds:
        raise ValueError(text)


def exact(value: Any, null: Any = None) -> Any:
    """Return a number as the fraction that it is, ±inf by name."""
    if value is None or value in ("Infinity", "-Infinity"):
        return null if value is None else float(value)
    need(type(value) in (int, float, str), f"{value!r} is no number")
    return Fraction(value)


def listed(values: Any, size: int | None = None, null: Any = None) -> list[Any]:
    """Return the numbers of a list of the right length."""
    need(type(values) is list and size in (None, len(values)), f"expected a list of {size} numbers")
    return [exact(value, null) for value in values]


def clip(value: Number, low: Number, high: Number) -> Number:
    """Return the number in [low, high] that is nearest."""
    return min(max(value, low), high)


class Tree:
    """A radial network: line k feeds bus k; `below` and `above` say who hangs on what."""

    def __init__(self, parent: list[int], bus: list[int]) -> None:
        self.parent, self.bus, self.lines = parent, bus, range(len(parent))
        path: dict[int, list[int]] = {-1: []}
        while len(path) <= len(parent):
            known = {k: [k, *path[parent[k]]] for k in self.lines if k not in path and parent[k] in path}
            need(bool(known), "the network has a loop")
            path |= known
        self.above = [path[k] for k in bus]
        self.below = [[i for i in range(len(bus)) if k in self.above[i]] for k in self.lines]
        self.inward = sorted(self.lines, key=lambda k: -len(path[k]))

    def sums(self, values: Sequence[Number]) -> list[Number]:
        """Return the sum below every line."""
        return [sum((values[i] for i in below), ZERO) for below in self.below]

    def fold(self, values: Sequence[Number], through: Callable[[int, Number], Number]) -> list[Number]:
        """Return what arrives at every line from below, when `through(k, x)` of it goes on to the line above."""
        flow = [sum((values[i] for i, k in enumerate(self.bus) if k == line), ZERO) for line in self.lines]
        for line in self.inward:
            if self.parent[line] >= 0:
                flow[self.parent[line]] += through(line, flow[line])
        return flow


def bound_of(columns: Columns, rows: Rows, tree: list[Any], *, highest: bool) -> Number:
    """Return what the leaves of a tree prove: by weak duality cᵀx <= B in each of them (`highest`), or cᵀx >= B."""
    bounds: dict[int, Number] = {}
    todo: list[tuple[int, Any]] = [(0, [(low, high) for _, low, high, _ in columns])]
    while todo:
        at, ends = todo.pop()
        need(at not in bounds and 0 <= at < len(tree), "the tree reaches a node twice")
        node, bounds[at] = tree[at], -INF if highest else INF
        if "column" in node:
            j, most = node["column"], node["most"]
            need(columns[j][3] == 1 and type(most) is int and ends[j][0] <= most < ends[j][1], "a branch on nothing")
            todo.append((node["at_most"], [*ends[:j], (ends[j][0], Fraction(most)), *ends[j + 1 :]]))
            todo.append((node["above"], [*ends[:j], (Fraction(most + 1), ends[j][1]), *ends[j + 1 :]]))
            continue
        left, bound = [column[0] for column in columns], ZERO
        for row, amount in node["multipliers"]:
            (terms, *limits), y = rows[row], exact(amount)
            end = limits[(y > 0) == highest]
            need(end is not None, "a multiplier without a bound")
            bound += y * end
            for j, factor in terms.items():
                left[j] -= y * factor
        bounds[at] = bound + sum(q * end[(q > 0) == highest] for q, end in zip(left, ends, strict=True) if q)
        need("bound" not in node or exact(node["bound"]) == bounds[at], "a leaf proves another bound than it says")
    need(len(bounds) == len(tree), "the tree has nodes that nothing reaches")
    return max(bounds.values()) if highest else min(bounds.values())


def worth_of(columns: Columns, rows: Rows, point: Any) -> tuple[Number, Number]:
    """Return what a point (column, value) costs, and the largest amount by which it breaks a bound or a row."""
    x = {j: exact(value) for j, value in point}
    held = [(x.get(j, ZERO), low, high) for j, (_, low, high, _) in enumerate(columns)]
    held += [(sum((a * x[j] for j, a in terms.items() if j in x), ZERO), low, high) for terms, low, high in rows]
    off = [max(ZERO if low is None else low - y, ZERO if high is None else y - high) for y, low, high in held]
    return sum(columns[j][0] * value for j, value in x.items()), max(off)


def window(
    tree: Tree, limits: Any, storage: Any, hours: Any, start: Any, *, share: Any = False, prices: Any = ()
) -> Any:
    """Return the program of a window, as the kind "reserve" lays it out; `prices` add shedding and the grid.

    `limits` are those of imports, exports and connections, `storage` has (charge, discharge, ec, ed, lowest, highest,
    retention) of each battery, `hours` (demand, generation, dt) of each step, `start` the first columns. With prices
    (wear, shed, import, export, stored) of each step, shed_i, import and export follow curtail_i, and a row
    net export = export − import follows the lines.
    """
    size, (imports, exports, connection), last = len(tree.bus), limits, list(range(len(tree.bus)))
    columns, rows = list(start), list[Any]()
    if share:
        columns.append((ONE, ZERO, ONE, 0))
        rows += [({i: ONE, size: x[4] - x[5]}, None, x[4]) for i, x in enumerate(storage)]
    for h, (d, g, dt) in enumerate(hours):
        wear, lost, buy, sell, stored = prices[h] if prices else [ZERO] * 5
        at, base, nets = len(columns), [y - x for x, y in zip(d, g, strict=True)], []
        columns += [(wear, ZERO, x[0], 0) for x in storage] + [(wear, ZERO, x[1], 0) for x in storage]
        columns += [(stored, x[4], x[5], 0) for x in storage] + [(ZERO, ZERO, x, 0) for x in g]
        if prices:
            columns += [(lost, ZERO, x, 0) for x in d]
            columns += [(buy, ZERO, sum(d) + sum(x[0] for x in storage), 0)]
            columns += [(-sell, ZERO, sum(g) + sum(x[1] for x in storage), 0)]
        for i, (_, _, ec, ed, _, _, kept) in enumerate(storage):
            charge, discharge, energy, cut, shed = (at + k * size + i for k in range(5))
            rows.append(({energy: ONE, last[i]: -kept, charge: -dt * ec, discharge: dt / ed}, ZERO, ZERO))
            nets.append({charge: -ONE, discharge: ONE, cut: -ONE} | ({shed: ONE} if prices else {}))
        rows += [(nets[i], -k - base[i], k - base[i]) for i, k in enumerate(connection) if k != INF]
        for k, below in enumerate(tree.below):
            low, high, moved = -imports[k], exports[k], sum((base[i] for i in below), ZERO)
            if (low, high) != (-INF, INF):
                terms = {j: a for i in below for j, a in nets[i].items()}
                rows.append((terms, None if low == -INF else low - moved, None if high == INF else high - moved))
        if prices:
            grid = {j: a for net in nets for j, a in net.items()} | {at + 5 * size: ONE, at + 5 * size + 1: -ONE}
            rows.append((grid, -sum(base), -sum(base)))
        last = [at + 2 * size + i for i in range(size)]
    return columns, rows


def stated(program: Any) -> tuple[Columns, Rows]:
    """Return columns and rows of a program in a file."""
    columns = [(exact(x["cost"]), exact(x["lower"]), exact(x["upper"]), x["integer"]) for x in program["columns"]]
    rows = [({j: exact(a) for j, a in x["terms"]}, exact(x["lower"]), exact(x["upper"])) for x in program["rows"]]
    return columns, rows


def closed_form(tree: Tree, side: Any, wanted: list[Number], eased: list[Number]) -> Number:
    """Return the least total cut at a point, from the leaves to the feeder."""
    wish = [w - z - r for w, z, r in zip(wanted, eased, side["help_kw"], strict=True)]
    near, far, own = side["near_kw"], side["far_kw"], side["connection_kw"]
    passed = [clip(x, -k, k) for x, k in zip(wish, own, strict=True)]
    flow = tree.fold(passed, lambda k, x: clip(x, -far[k], near[k]))
    cuts = sum(max(x - k, ZERO) for x, k in zip(wish, own, strict=True))
    return cuts + sum(max(x - k, ZERO) for x, k in zip(flow, near, strict=True))


def check_cut(tree: Tree, side: Any, wanted: Any, eased: Any, plan: Any, labels: Any) -> Number:
    """Check that a plan and a labelling prove each other's worth, and the closed form, and return it."""
    cut, ease_cut, relief = (listed(plan[name], len(wanted)) for name in ("cut_kw", "ease_cut_kw", "help_kw"))
    on_line, on_node, worth = labels["line"], labels["prosumer"], ZERO
    need({*on_line, *on_node} <= {0, 1} and len(on_line) == len(tree.parent), "labels are 0 or 1, one a line")
    flow = [w - c - z + e - r for w, c, z, e, r in zip(wanted, cut, eased, ease_cut, relief, strict=True)]
    for i, k in enumerate(side["connection_kw"]):
        within = 0 <= cut[i] <= wanted[i] and 0 <= ease_cut[i] <= eased[i] and 0 <= relief[i] <= side["help_kw"][i]
        need(within and -k <= flow[i] <= k, "the plan cuts what is not there, or breaks a connection")
        worth += (wanted[i] - eased[i] - side["help_kw"][i]) if on_node[i] else 0
        worth -= k if on_node[i] != on_line[tree.bus[i]] else 0
    for k, total in enumerate(tree.sums(flow)):
        near, far, above = side["near_kw"][k], side["far_kw"][k], tree.parent[k]
        need(-far <= total <= near, "the plan breaks a line")
        worth -= (near if on_line[k] else far) if on_line[k] != (on_line[above] if above >= 0 else 0) else 0
    need(worth == sum(cut) == closed_form(tree, side, wanted, eased), "plan, labels and closed form differ")
    return worth


def side_of(said: Any) -> tuple[Tree, Any]:
    """Return the network of a certificate, and its side with numbers for texts."""
    tree, side = Tree(said["network"]["parent"], said["network"]["bus"]), dict(said["side"])
    for name, size in (("near_kw", len(tree.parent)), ("far_kw", len(tree.parent)), ("connection_kw", len(tree.bus))):
        side[name] = listed(side[name], size, INF)
        need(min(side[name], default=0) >= 0, "a limit below 0")
    side["help_kw"] = listed(side["help_kw"], len(tree.bus))
    need(side["rung"] == "support" or not any(side["help_kw"]), "help on a rung that has none")
    return tree, side


def least_cut(said: Any) -> str:
    """Check the least cut at one point."""
    tree, side = side_of(said)
    wanted, eased = (listed(said["point"][name], len(tree.bus)) for name in ("wanted_kw", "eased_kw"))
    need(check_cut(tree, side, wanted, eased, said["plan"], said["labels"]) == exact(said["value_kw"]), "another value")
    return "PROVED-EXACT"


def worst_case(said: Any) -> str:
    """Check a worst case over a domain: its witness attains the value, and its corner or its tree bounds everything."""
    tree, side = side_of(said)
    domain, sun, size = said["domain"], said["domain"]["sun"], len(tree.bus)
    wanted, eased = ([listed(x, 2) for x in domain[name]] for name in ("wanted_kw", "eased_kw"))
    w, z, e = (listed(said["witness"][name], size) for name in ("wanted_kw", "eased_kw", "energy_kwh"))
    is_shed = side["quantity"] == "shed"
    for i, store in enumerate(domain["storage"]):
        power, rate, kept, dt = (exact(store[name]) for name in ("power_kw", "efficiency", "retention", "timestep_h"))
        energy, band = listed(store["energy_kwh"], 2), listed(store["band_kwh"], 2)
        reach = (kept * energy[0] - band[0]) * rate / dt if is_shed else (band[1] - kept * energy[1]) / (dt * rate)
        spare = clip(reach, ZERO, max(power, ZERO)) - side["help_kw"][i]
        need(side["rung"] != "support" or 0 <= spare <= 2 * MICRO, "a battery can help less than it says")
        need(e[i] == energy[0 if is_shed else 1], "the witness stores something else")
        inside = wanted[i][0] <= w[i] <= wanted[i][1] and eased[i][0] <= z[i] <= eased[i][1]
        need(inside and min(wanted[i][0], eased[i][0]) >= 0, "the witness is outside its ranges")
    sums = [(x["of"], x["below"], exact(x["lower"]), exact(x["upper"])) for x in domain["sums"]]
    for of, line, low, high in sums:
        total = tree.sums({"wanted": w, "eased": z}[of])[line]
        need((low is None or low <= total) and (high is None or total <= high), "the witness is outside a sum")
    if sun is not None:
        rays, made = exact(said["witness"]["sun"]), w if sun["of"] == "wanted" else z
        held = [exact(x[0]) * rays <= y <= exact(x[1]) * rays for x, y in zip(sun["per_sun_kw"], made, strict=True)]
        need(0 <= exact(sun["range"][0]) <= rays <= exact(sun["range"][1]), "the witness is under another sun")
        need(all(held) and sum(made) == rays * exact(sun["mean_per_sun_kw"]), "the witness makes what its sun does not")
    value, bound, gap, allowed = (exact(said[name]) for name in ("value_kw", "bound_kw", "gap_kw", "allowed_gap_kw"))
    need(check_cut(tree, side, w, z, **said["least_cut"]) == value, "the witness is worth something else")
    if said["method"] == "corner":
        is_corner = (w, z) == ([x[1] for x in wanted], [x[0] for x in eased])
        need(is_corner and not sums and sun is None and bound == value, "no corner of a box")
    else:
        program = worst_case_program(tree, side, wanted, eased, sums, sun)
        need(stated(said["program"]) == program, "the program is not that of the domain")
        need(bound == max(bound_of(*program, said["tree"], highest=True), ZERO), "the tree proves another bound")
    need(gap == bound - value >= 0 and allowed <= MICRO, "another gap")
    return "PROVED-EXACT" if gap <= allowed else "BOUNDED"


def worst_case_program(tree: Tree, side: Any, wanted: Any, eased: Any, sums: Any, sun: Any) -> tuple[Columns, Rows]:
    """Return the mixed-integer program of a worst case."""
    near, far, own, relief = (side[name] for name in ("near_kw", "far_kw", "connection_kw", "help_kw"))
    people, tied = range(len(tree.bus)), [i for i, k in enumerate(own) if k != INF]
    least = [wanted[i][0] - eased[i][1] - relief[i] for i in people]
    most = [wanted[i][1] - eased[i][0] - relief[i] for i in people]
    columns: Columns = []
    at: dict[tuple[str, int], int] = {}

    def add(name: str, keys: Any, column_of: Callable[[int], Any]) -> None:
        for key in keys:
            at[name, key] = len(columns)
            columns.append(column_of(key))

    def step(limit: Number) -> Any:
        return (ZERO, ZERO, ZERO, 0) if limit == INF else (-limit, ZERO, ONE, 0)

    add("wanted", people, lambda i: (ZERO, *wanted[i], 0))
    add("eased", people, lambda i: (ZERO, *eased[i], 0))
    add("sun", [0] if sun else [], lambda _: (ZERO, *listed(sun["range"], 2), 0))
    add("line", tree.lines, lambda _: (ZERO, ZERO, ONE, 1))
    add("own", tied, lambda _: (ZERO, ZERO, ONE, 1))
    add("lines", [0], lambda _: (ZERO, ZERO, Fraction(len(tree.parent)), 1))
    add("owns", [0] * bool(tied), lambda _: (ZERO, ZERO, Fraction(len(tied)), 1))
    add("worth", people, lambda i: (ONE, min(least[i], ZERO), max(most[i], ZERO), 0))
    add("line-up", tree.lines, lambda k: step(near[k]))
    add("line-down", tree.lines, lambda k: step(far[k]))
    add("own-up", tied, lambda i: step(own[i]))
    add("own-down", tied, lambda i: step(own[i]))
    at["line", -1] = -1  # nothing: left out below
    mine = [at["own" if i in tied else "line", i if i in tied else tree.bus[i]] for i in people]
    point = [{at["worth", i]: ONE, at["wanted", i]: -ONE, at["eased", i]: ONE, mine[i]: -least[i]} for i in people]
    rows: Rows = [(point[i], None, -relief[i] - least[i]) for i in people]
    rows += [({at["worth", i]: ONE, mine[i]: -most[i]}, None, ZERO) for i in people]
    for name, keys, above in (("line", list(tree.lines), tree.parent), ("own", tied, [tree.bus[i] for i in tied])):
        pairs = [(k, at[name, k], at["line", up]) for k, up in zip(keys, above, strict=True)]
        rows += [({one: ONE, up: -ONE, at[f"{name}-up", k]: -ONE}, None, ZERO) for k, one, up in pairs]
        rows += [({up: ONE, one: -ONE, at[f"{name}-down", k]: -ONE}, None, ZERO) for k, one, up in pairs]
    for name, keys in (("line", list(tree.lines)), ("own", tied)):
        rows += [({at[name, k]: ONE for k in keys} | {at[f"{name}s", 0]: -ONE}, ZERO, ZERO)] if keys else []
    rows += [({at[of, i]: ONE for i in tree.below[k]}, low, high) for of, k, low, high in sums]
    if sun:
        made = [(at[sun["of"], i], *listed(sun["per_sun_kw"][i], 2)) for i in people]
        rows += [({j: ONE, at["sun", 0]: -low}, ZERO, None) for j, low, _ in made]
        rows += [({j: ONE, at["sun", 0]: -high}, None, ZERO) for j, _, high in made]
        rows.append(({j: ONE for j, *_ in made} | {at["sun", 0]: -exact(sun["mean_per_sun_kw"])}, ZERO, ZERO))
    return columns, [({j: a for j, a in terms.items() if a and j >= 0}, low, high) for terms, low, high in rows]


def reserve(said: Any) -> str:
    """Check a reserve: the plan gets through the window without shedding, and the tree bounds what any start needs."""
    tree, dt = Tree(said["network"]["parent"], said["network"]["bus"]), exact(said["timestep_h"])
    size, share = len(tree.bus), said["objective"] == "share"
    limits = [listed(said["limits"][name], None, INF) for name in ("import_kw", "export_kw", "connection_kw")]
    names = "charge_kw", "discharge_kw", "charge_efficiency", "discharge_efficiency"
    rated = [[exact(x[name]) for name in names] for x in said["storage"]]
    bands = [(*listed(x["band_kwh"], 2), exact(x["retention"])) for x in said["storage"]]
    storage = [(*one, *other) for one, other in zip(rated, bands, strict=True)]
    hours = [(listed(d, size), listed(g, size), dt) for d, g in zip(said["demand_kw"], said["pv_kw"], strict=True)]
    first = [(ZERO if share else ONE, x[4], x[5], 0) for x in storage]
    columns, rows = window(tree, limits, storage, hours, first, share=share)
    need(stated(said["program"]) == (columns, rows), "the program is not that of the window")
    energy = listed(said["plan"]["start_kwh"], size)
    above = [(e - x[4], x[5] - x[4]) for e, x in zip(energy, storage, strict=True)]
    value = max((e / width for e, width in above if width), default=ZERO) if share else sum(e for e, _ in above)
    point = energy + [value] * share
    for battery, cut in zip(said["plan"]["battery_kw"], said["plan"]["curtail_kw"], strict=True):
        charge = [max(b, ZERO) for b in listed(battery, size)]
        drain = [max(-b, ZERO) for b in listed(battery, size)]
        energy = [x[6] * energy[i] + dt * (x[2] * charge[i] - drain[i] / x[3]) for i, x in enumerate(storage)]
        point += charge + drain + energy + listed(cut, size)
    need(len(point) == len(columns) and worth_of(columns, rows, enumerate(point))[1] == 0, "the plan breaks a limit")
    floor = ZERO if share else sum(x[4] for x in storage)
    bound = max(bound_of(columns, rows, said["tree"], highest=False) - floor, ZERO)
    gap, allowed = exact(said["gap"]), exact(said["allowed_gap"])
    need((exact(said["value"]), exact(said["bound"])) == (value, bound), "another value or bound")
    need(gap == value - bound >= 0 and allowed <= MICRO, "another gap")
    return "PROVED-EXACT" if gap <= allowed else "BOUNDED"


def penalty(said: Any) -> str:
    """Check the price from which load is never shed where a battery could have helped."""
    powers, weights = [listed(pair, 2) for pair in said["power_kw"]], listed(said["weight"], len(said["power_kw"]))
    j, smooth, threshold = said["prosumer"], exact(said["smoothing"]), exact(said["threshold"])
    prices = [weight * sum(pair) for weight, pair in zip(weights, powers, strict=True)]
    need(threshold == prices[j] == max(prices) > 0 and exact(said["shed_price"]) > threshold, "another threshold")
    need(min(weights) > 0 < smooth, "a weight that is not > 0")
    charge, drain = powers[j]
    for name, is_above in (("below", False), ("above", True)):
        names = "shed_price", "battery_kw", "shed_kw", "price", "least_shed_kw"
        rho, b, s, price, least = (exact(said[name][key]) for key in names)
        best = clip(charge - price / weights[j], -drain, charge), clip((price - rho) / smooth, ZERO, drain)
        need((rho > threshold) if is_above else (rho < threshold), "a price on the other side")
        need(best == (b, s) and price >= 0 and s - b >= drain and (price == 0 or s - b == drain), "no optimum")
        need(least == 0 and (s == 0 if is_above else s > 0), "shedding that is not what it should be")
    return "PROVED-EXACT"


def soc(said: Any) -> str:
    """Check how far the stored energy can leave its band in a step."""
    dt, size = exact(said["timestep_h"]), len(said["storage"])
    meter, rate = (listed(said[name], size) for name in ("meter_error_kwh", "efficiency_error"))
    pairs = {name: [listed(x, 2) for x in said[name]] for name in ("one_step", "robust", "narrowed")}
    for i, x in enumerate(said["storage"]):
        (low, high), ec, ed = listed(x["band_kwh"], 2), exact(x["charge_efficiency"]), exact(x["discharge_efficiency"])
        need(exact(x["retention"]) == 1 and meter[i] >= 0 <= rate[i] < 1, "a battery that is not certified here")
        up, down = (min(high - low, dt * move) for move in (ec * exact(x["charge_kw"]), exact(x["discharge_kw"]) / ed))
        more = min(ONE, ec * (1 + rate[i])) / ec - 1
        robust = [min(meter[i], up) + more * up, min(meter[i], down) + down * rate[i] / (1 - rate[i])]
        narrowed = None if low + meter[i] > high - meter[i] else [low + meter[i], high - meter[i]]
        told = said["narrowed_kwh"][i]
        need((told if told is None else listed(told, 2)) == narrowed, "another narrowed band")
        need(pairs["one_step"][i] == [0, 0] and pairs["robust"][i] == robust, "another excess")
        need(pairs["narrowed"][i] == (robust if narrowed is None else [0, 0]), "another excess of the narrowed band")
    return "PROVED-EXACT"


def market(said: Any) -> str:
    """Check one cleared book: balance, gains of everybody, and how much more its trades could be worth."""
    lot, sell, buy, dual, gain = *(said[name] for name in ("lot", "sell_price", "buy_price", "dual_price")), 0
    for order, trade, pays in zip(said["orders"], said["trades"], said["payments"], strict=True):
        quantity, limit = order["quantity"], order["limit"]
        need(min(quantity, 0) <= trade <= max(quantity, 0) and (trade != 0 or pays == 0), "a trade beyond its order")
        if trade > 0:
            need(limit <= sell and -pays * lot > trade * said["feed_in"] - lot, "a seller is worse off")
        if trade < 0:
            need(limit >= buy and pays * lot < -trade * said["retail"] + lot, "a buyer is worse off")
        value = limit - (said["fee"] if quantity < 0 else 0)
        gain += max(0, quantity * (dual - value)) + value * trade
    need(sum(said["trades"]) == 0 and sum(said["payments"]) == said["take"] >= 0, "trades or money do not balance")
    if any(said["trades"]):
        need(said["feed_in"] <= sell and buy <= said["retail"], "prices outside the tariffs")
    need(any(said["trades"]) or (sell, buy, said["take"]) == (None, None, 0), "prices without trades")
    need(gain == said["gap"] and lot > 0, "another gap")
    return "PROVED-EXACT"


KINDS: dict[str, tuple[Callable[[Any], str], str]] = {
    "least-cut": (least_cut, "network side point plan labels value_kw"),
    "worst-case": (worst_case, "network side domain witness least_cut value_kw bound_kw gap_kw allowed_gap_kw method"),
    "reserve": (
        reserve,
        "network limits timestep_h demand_kw pv_kw storage objective plan value bound gap allowed_gap program tree",
    ),
    "penalty": (penalty, "threshold prosumer power_kw weight smoothing shed_price below above"),
    "soc": (soc, "timestep_h storage meter_error_kwh efficiency_error one_step robust narrowed_kwh narrowed"),
    "market": (market, "lot fee orders trades payments sell_price buy_price take feed_in retail dual_price gap"),
}
AMOUNTS = "value_kw", "bound_kw", "gap_kw", "value", "bound", "gap", "threshold", "shed_price"


def check_certificate(said: Any) -> dict[str, Any]:
    """Check a certificate of any kind; return its verdict and its amounts."""
    need(said["format"] == "autonomy-certificate/1" and said["kind"] in KINDS, "another format or kind")
    check, keys = KINDS[said["kind"]]
    keys += " program tree" if said.get("method") == "tree" else ""
    need(set(said) == {"format", "kind", "statement", *keys.split()}, "keys are missing or unknown")
    found = {name: exact(said[name]) for name in AMOUNTS if name in said}
    return {**found, "kind": said["kind"], "verdict": check(said)}

"""Networks, programs and branch-and-bound trees in exact numbers: what the certificates' kinds are built from.

Written from docs/safety-certificates.md alone. certificates.py loads this file from beside itself. Numbers are
fractions, and nothing is rounded; what does not hold raises ValueError.
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
    need(type(value) in (int, float, str, Fraction), f"{value!r} is no number")
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
            need(bool(known) and parent.count(-1) == 1, "the network is no tree")
            path |= known
        self.path, self.above = path, [path[k] for k in bus]
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


def worst_case_columns(tree: Tree, side: Any, wanted: Any, eased: Any, sun: Any) -> Any:
    """Return the columns of the program of a worst case, where each stands, and whose connection can bind."""
    near, far, own, relief = (side[name] for name in ("near_kw", "far_kw", "connection_kw", "help_kw"))
    people, lines, columns, at = range(len(tree.bus)), tree.lines, Columns(), dict[tuple[str, int], int]()
    least = [wanted[i][0] - eased[i][1] - relief[i] for i in people]
    most = [wanted[i][1] - eased[i][0] - relief[i] for i in people]
    tied = [i for i, k in enumerate(own) if most[i] > k or least[i] < -k]
    given = [-sum((relief[i] for i in people if tree.bus[i] == k and i not in tied), ZERO) for k in lines]

    def add(name: str, keys: Any, column_of: Callable[[int], Any]) -> None:
        for key in keys:
            at[name, key] = len(columns)
            columns.append(column_of(key))

    def step(limit: Number) -> Any:
        return (ZERO, ZERO, ZERO, 0) if limit == INF else (-limit, ZERO, ONE, 0)

    add("wanted", people, lambda i: (ZERO, *wanted[i], 0))
    add("eased", people, lambda i: (ZERO, *eased[i], 0))
    add("sun", [0] if sun else [], lambda _: (ZERO, *listed(sun["range"], 2), 0))
    add("line", lines, lambda k: (given[k], ZERO, ONE, 1))
    add("own", tied, lambda i: (-relief[i], ZERO, ONE, 1))
    add("owns", [0] * bool(tied), lambda _: (ZERO, ZERO, Fraction(len(tied)), 1))
    add("busy", lines, lambda _: (ZERO, ZERO, ONE, 0))
    add("wanted-on", people, lambda i: (ONE, ZERO, wanted[i][1], 0))
    add("eased-on", people, lambda i: (-ONE, ZERO, eased[i][1], 0))
    add("line-up", lines, lambda k: step(near[k]))
    add("line-down", lines, lambda k: step(far[k]))
    add("own-up", tied, lambda i: step(own[i]))
    add("own-down", tied, lambda i: step(own[i]))
    return columns, at, tied


def worst_case_program(tree: Tree, side: Any, wanted: Any, eased: Any, sums: Any, sun: Any) -> tuple[Columns, Rows]:
    """Return the mixed-integer program of a worst case."""
    columns, at, tied = worst_case_columns(tree, side, wanted, eased, sun)
    people, lines = range(len(tree.bus)), tree.lines
    at["line", -1] = -1  # nothing: left out below
    mine = [at["own" if i in tied else "line", i if i in tied else tree.bus[i]] for i in people]
    w, y, z, v = ([at[name, i] for i in people] for name in ("wanted", "wanted-on", "eased", "eased-on"))
    rows: Rows = [({y[i]: ONE, mine[i]: -wanted[i][1]}, None, ZERO) for i in people]
    rows += [({y[i]: ONE, w[i]: -ONE, mine[i]: -wanted[i][0]}, None, -wanted[i][0]) for i in people]
    rows += [({v[i]: ONE, mine[i]: -eased[i][0]}, ZERO, None) for i in people]
    rows += [({v[i]: ONE, z[i]: -ONE, mine[i]: -eased[i][1]}, -eased[i][1], None) for i in people]
    for name, keys, above in (("line", list(lines), tree.parent), ("own", tied, [tree.bus[i] for i in tied])):
        pairs = [(k, at[name, k], at["line", up]) for k, up in zip(keys, above, strict=True)]
        rows += [({one: ONE, up: -ONE, at[f"{name}-up", k]: -ONE}, None, ZERO) for k, one, up in pairs]
        rows += [({up: ONE, one: -ONE, at[f"{name}-down", k]: -ONE}, None, ZERO) for k, one, up in pairs]
    for k in lines:
        under = [at["line", k], *(at["line-up", j] for j in lines if j != k and k in tree.path[j])]
        under += [at["own-up", i] for i in tied if k in tree.above[i]]
        rows.append(({at["busy", k]: ONE} | dict.fromkeys(under, -ONE), None, ZERO))
    rows += [({at["own", i]: ONE for i in tied} | {at["owns", 0]: -ONE}, ZERO, ZERO)] if tied else []
    roofs = [None] * len(people) if sun is None else [tuple(listed(x, 2)) for x in sun["per_sun_kw"]]
    kinds = {
        i: (tree.bus[i], side["help_kw"][i], side["connection_kw"][i], *wanted[i], *eased[i], roofs[i]) for i in tied
    }
    for place, i in enumerate(tied):
        before = [at["own", j] for j in tied[:place] if kinds[j] == kinds[i]]
        rows += [({at["own", i]: ONE, before[-1]: -ONE}, None, ZERO)] if before else []
    rows += sum_rows(tree, at, mine, {"wanted": wanted, "eased": eased}, sums, sun)
    return columns, [({j: a for j, a in terms.items() if a and j >= 0}, low, high) for terms, low, high in rows]


def sum_rows(tree: Tree, at: Any, mine: Any, ranges: Any, sums: Any, sun: Any) -> Rows:
    """Return the rows of sums and of the sun, and each once more for what is labelled."""

    def labelled(of: str, k: int, limit: Number) -> Any:
        inside, (end, sign) = tree.below[k], (1, -ONE) if of == "eased" else (0, ONE)
        terms = {at[f"{of}-on", i]: sign for i in inside}
        for i in inside:
            terms[mine[i]] = terms.get(mine[i], ZERO) - sign * ranges[of][i][end]
        return {**terms, at["busy", k]: -sign * (limit - sum(ranges[of][i][end] for i in inside))}, None, ZERO

    rows: Rows = []
    for of, k, low, high in sums:
        rows.append(({at[of, i]: ONE for i in tree.below[k]}, low, high))
        limit = high if of == "wanted" else low
        rows += [] if limit is None else [labelled(of, k, limit)]
    if sun:
        made = [(at[sun["of"], i], *listed(x, 2)) for i, x in enumerate(sun["per_sun_kw"])]
        mean, rays = exact(sun["mean_per_sun_kw"]), listed(sun["range"], 2)
        rows += [({j: ONE, at["sun", 0]: -low}, ZERO, None) for j, low, _ in made]
        rows += [({j: ONE, at["sun", 0]: -high}, None, ZERO) for j, _, high in made]
        rows.append(({j: ONE for j, *_ in made} | {at["sun", 0]: -mean}, ZERO, ZERO))
        rows.append(labelled(sun["of"], tree.parent.index(-1), rays[sun["of"] == "wanted"] * mean))
    return rows

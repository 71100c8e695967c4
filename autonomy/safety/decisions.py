"""Judges recorded decisions again, one by one, from what each was made from: limits, market, costs, distance, optimum.

Written from docs/journal.md, docs/notation.md and docs/safety-certificates.md: no code is shared with the controller
that is judged. verify.py loads this file from beside itself, and this one programs.py.
"""

import hashlib
import json
import math
import runpy
from collections import Counter
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

lib: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("programs.py"))))
need, exact, listed, clip = lib.need, lib.exact, lib.listed, lib.clip
INF, ZERO, ONE, MICRO = lib.INF, lib.ZERO, lib.ONE, lib.MICRO  # a millionth: a milliwatt, a micro-currency
CURTAIL_PRICE, SMOOTHING = Fraction(1, 100), Fraction(1, 1000)
RATED = ("charge_limit_kw", "discharge_limit_kw", "charge_efficiency", "discharge_efficiency", "soc_min", "soc_max",
         "connection_limit_kw", "active", "can_curtail", "can_shed")  # fmt: skip
ORDINARY = {"policy-raised", "policy-shape", "policy-late", "intent-not-finite", "intent-clipped", "battery-limit",
            "line-limit", "connection-limit", "curtailed", "shed", "trade-cut", "price-clipped"}  # fmt: skip
GRID = ("grid_import_limit_kw", "grid_export_limit_kw")
TARIFF = ("retail_price", "feed_in_price", "carbon_kg_per_kwh")


def merkle(leaves: list[bytes]) -> bytes:
    """Return the root over leaves as RFC 6962 builds it."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + merkle(leaves[:half]) + merkle(leaves[half:])).digest()


def read_journal(folder: Any, name: str) -> tuple[Any, list[Any], str]:
    """Return header, decisions and last hash of a journal, its chain, order and roots checked (docs/journal.md)."""
    head, leaves, decisions, header, closed = "0" * 64, list[bytes](), list[Any](), None, False
    for place, line in enumerate(folder[name].split(b"\n")[:-1], 1):
        digest, said = hashlib.sha256(line[:-75]), json.loads(line)
        need(line.endswith(b',"hash":"' + digest.hexdigest().encode() + b'"}'), f"{name}:{place} was changed")
        need(said["previous"] == head and "gap" not in said, f"{name}:{place} does not follow the line before")
        head, closed = digest.hexdigest(), said.get("closes", False)
        if "root" in said:
            need((said["root"], said["lines"]) == (merkle(leaves).hex(), len(leaves)), f"{name}:{place}: wrong root")
            leaves = []
            continue
        leaves.append(hashlib.sha256(b"\0" + digest.digest()).digest())
        if "header" in said:
            need(header in (None, said["header"]), f"{name}:{place} is another header")
            header = said["header"]
        else:
            due = decisions[-1]["step"] + 1 if decisions else 0
            need(said["number"] == len(decisions) and said["step"] in (due, 0), f"{name}:{place} is not the next step")
            decisions.append(said)
    need(closed and header is not None, f"{name}: the end is missing")
    return header, decisions, head


def recorded(folder: Any, name: str) -> Any:
    """Return header, decisions and last hash of a journal, read once."""
    if (key := f"journal {name}".encode()) not in folder.known:
        folder.known[key] = read_journal(folder, name)
    return folder.known[key]


def header_of(folder: Any, name: str) -> Any:
    """Return the header of a journal; whether it is whole is for `read_journal` to say."""
    return json.loads(folder[name].partition(b"\n")[0])["header"]


def given(values: Any, size: int) -> list[Any]:
    """Return what a host gave as one number a prosumer, None for what is no number."""
    rows = values.get("values") if type(values) is dict else None  # an array; of (N, 3) the first column
    values = rows[:: max(len(rows) // size, 1)] if type(rows) is list else values
    values = values if type(values) is list else [values] * size
    return [exact(x) if type(x) in (int, float) else None for x in values] if len(values) == size else [None] * size


class Home:
    """A community as a journal's header describes it."""

    def __init__(self, code: Any) -> None:
        self.size, self.dt, network = len(code["names"]), Fraction(code["timestep_h"]), code["network"]
        self.tree = lib.Tree(network["parent"], network["bus_of_prosumer"])
        self.rated = {name: listed(code.get(name, [1] * self.size), self.size) for name in RATED}
        self.capacity, self.ramp = (listed(code[name], self.size) for name in ("battery_capacity_kwh", "ramp_limit_kw"))
        self.kept: Any = [Fraction((1.0 - lost) ** code["timestep_h"]) for lost in code["self_discharge_per_h"]]
        self.imports, self.exports = listed(network["import_limit_kw"]), listed(network["export_limit_kw"])
        self.loss = [exact(ohm) * 1000 / exact(network["nominal_voltage_v"]) ** 2 for ohm in network["resistance_ohm"]]


class Step:
    """One decision and what it was made from; lists have one entry a prosumer, `e` None where nothing was measured."""

    def __init__(self, home: Home, said: Any, before: Any) -> None:
        seen, size, done = said["observed"], home.size, said["decided"]
        own = (seen.get("limits") or {"limits": {}})["limits"]
        need(set(own) <= {*RATED, *GRID, "charge_floor_kw"}, "a step has limits that are not checked again here")
        grid, feeder = [given(own.get(name), 1)[0] for name in GRID], home.tree.parent.index(-1)
        self.imports, self.exports = (
            [x if end is None or k != feeder else min(x, end) for k, x in enumerate(limits)]
            for limits, end in zip((home.imports, home.exports), grid, strict=True)
        )
        pairs = {name: zip(given(own.get(name), size), home.rated[name], strict=True) for name in RATED}
        self.limits: Any = {name: [rated if x is None else x for x, rated in pair] for name, pair in pairs.items()}
        d, g, soc = (given(seen.get(name), size) for name in ("demand_kw", "pv_kw", "soc"))
        self.metered = [None not in (d[i], g[i]) and min(d[i], g[i]) >= -MICRO for i in range(size)]
        self.d, self.g = ([max(x[i], ZERO) if self.metered[i] else ZERO for i in range(size)] for x in (d, g))
        self.e = [x * c if x is not None and 0 <= x <= 1 else None for x, c in zip(soc, home.capacity, strict=True)]
        self.b, self.c, self.s = (listed(done[name], size) for name in ("battery_kw", "curtail_kw", "shed_kw"))
        self.n, self.t, self.bid = (listed(done[name], size) for name in ("net_export_kw", "trade_kw", "price_bid"))
        self.caps = [listed(said["caps"][name], size, INF) for name in ("generation_kw", "load_kw")]
        self.causes, self.mode = Counter(reason["cause"] for reason in said["reasons"]), said["mode"]
        self.home, self.said, self.seen, self.before = home, said, seen, before
        answer = said["answer"] if self.mode in ("policy", "projected") else {"battery_kw": 0.0}
        self.is_asked = type(answer) is dict and ("battery_kw" in answer or answer.get("shape") == [size, 3])
        powers = list(zip(self.limits["discharge_limit_kw"], self.limits["charge_limit_kw"], strict=True))
        wish = zip(given(answer.get("battery_kw", answer) if self.is_asked else 0.0, size), powers, strict=True)
        self.hat = [clip(x or ZERO, -least, most) for x, (least, most) in wish]
        self.shed_price = Fraction(11, 10) * max(map(sum, powers)) + 1

    def stored(self, i: int) -> Any:
        """Return what the battery holds afterwards: e' = a·e + dt·(ec·max(b, 0) − max(−b, 0)/ed)."""
        ec, ed = self.limits["charge_efficiency"][i], self.limits["discharge_efficiency"][i]
        return self.home.kept[i] * self.e[i] + self.home.dt * (self.b[i] * ec if self.b[i] > 0 else self.b[i] / ed)

    def band(self, i: int) -> Any:
        """Return where e' has to lie: in the band, or from outside no further away."""
        low, high = (self.limits[name][i] * self.home.capacity[i] for name in ("soc_min", "soc_max"))
        return min(low, self.home.kept[i] * self.e[i]), max(high, self.e[i])

    def reach(self, i: int) -> Any:
        """Return where b has to lie, for rate, band and ramp."""
        if self.e[i] is None or not self.limits["active"][i]:
            return ZERO, ZERO
        left, ramp = self.home.kept[i] * self.e[i], self.home.ramp[i]
        low, high = self.band(i)
        drain = (left - low) * self.limits["discharge_efficiency"][i] / self.home.dt
        fill = max(high - left, ZERO) / (self.home.dt * self.limits["charge_efficiency"][i])
        fill, drain = min(self.limits["charge_limit_kw"][i], fill), min(self.limits["discharge_limit_kw"][i], drain)
        near = self.before.b[i] if self.before is not None and ramp != INF else None
        return (-drain, fill) if near is None else (max(-drain, near - ramp), min(fill, near + ramp))

    def broken(self) -> Any:
        """Yield the rules that the decision breaks, for any generation and load up to the caps."""
        home, limits, last = self.home, self.limits, self.before
        low, high = list[Any](), list[Any]()
        for i in range(home.size):
            b, c, s, d, g, known = self.b[i], self.c[i], self.s[i], self.d[i], self.g[i], self.metered[i]
            known = known and self.mode != "dead-stop"
            low.append((min(g - c, self.caps[0][i]) if known else ZERO) - self.caps[1][i] - b)
            high.append(self.caps[0][i] - (min(d - s, self.caps[1][i]) if known else ZERO) - b)
            connection = max(limits["connection_limit_kw"][i], 2 * MICRO)
            may_leap = last is None or self.mode == "dead-stop" or self.causes["ramp-relaxed"]
            goes_on = (
                last is not None and None not in (self.e[i], last.e[i]) and "limits" not in {*self.seen, *last.seen}
            )
            net, stated = g - c - d + s - b, self.n[i]
            rules = {
                "rate": -limits["discharge_limit_kw"][i] <= b <= limits["charge_limit_kw"][i],
                "battery at rest": b == 0 or (self.e[i] is not None and limits["active"][i] > 0),
                "soc": self.e[i] is None or self.band(i)[0] <= self.stored(i) <= self.band(i)[1],
                "storage": not goes_on or abs(last.stored(i) - self.e[i]) * 10**9 <= home.capacity[i],
                "ramp": may_leap or abs(b - last.b[i]) <= home.ramp[i],
                "curtailment": 0 <= c <= (g if limits["can_curtail"][i] else 0),
                "shedding": 0 <= s <= (d if limits["can_shed"][i] else 0),
                "node balance": self.mode == "dead-stop" or abs(stated - net) * 10**15 <= g + d + abs(b),
                "offer": min(stated, 0) <= self.t[i] <= max(stated, 0),
                "connection": -connection <= low[i] <= high[i] <= connection,
            }
            yield from (rule for rule, holds in rules.items() if not holds)
        lossy = home.tree.fold(low, lambda k, x: x - home.loss[k] * x**2 if home.loss[k] else x)
        for k, (least, most) in enumerate(zip(lossy, home.tree.sums(high), strict=True)):
            free, lost = (len(home.tree.below[k]) + 1) * MICRO, home.loss[k] * least**2 if home.loss[k] else 0
            if not -max(self.imports[k], free) <= least - lost <= most <= max(self.exports[k], free):
                yield "line"

    def gap(self) -> Any:
        """Return by how much it may cost more than the nearest feasible decision, by weak duality; None if unknown."""
        home, limits, certificate, worth = self.home, self.limits, self.said["certificate"], ZERO
        if self.mode in ("grid-only", "dead-stop") or set(self.causes) - ORDINARY or not self.is_asked:
            return None
        base, connection = [g - d for g, d in zip(self.g, self.d, strict=True)], limits["connection_limit_kw"]
        on_line, on_node = listed(certificate["line_multipliers"]), listed(certificate["node_multipliers"], home.size)
        lines = on_line, self.imports, self.exports, home.tree.sums(base)
        for prices, imports, exports, flow in (lines, (on_node, connection, connection, base)):
            for k, price in enumerate(prices):
                end = -imports[k] if price > 0 else exports[k]
                prices[k] = ZERO if abs(end) == INF else price
                worth += prices[k] * (end - flow[k]) if prices[k] else 0
        for i, hat in enumerate(self.hat):
            own: Any = on_node[i] + sum(on_line[k] for k in home.tree.above[i])
            b = clip(hat - own, *self.reach(i))
            c = clip(-(CURTAIL_PRICE + own) / SMOOTHING, 0, self.g[i] * limits["can_curtail"][i])
            s = clip((own - self.shed_price) / SMOOTHING, 0, self.d[i] * limits["can_shed"][i])
            worth += own * (b + c - s) + self.cost(i, b, c, s) - self.cost(i, self.b[i], self.c[i], self.s[i])
        return -worth

    def cost(self, i: int, b: Any, c: Any, s: Any) -> Any:
        """Return what set-points cost in the projection."""
        return (b - self.hat[i]) ** 2 / 2 + CURTAIL_PRICE * c + self.shed_price * s + SMOOTHING * (c * c + s * s) / 2

    def settle(self, cleared: Any, p: Any, broken: Counter[str]) -> Any:
        """Return what the step cost as its trades were cleared; count the rules of the market that it breaks."""
        dt, size, net = self.home.dt, self.home.size, self.n
        trade, paid = listed(cleared["trade_kw"], size), listed(cleared["payment"], size)
        retail, feed_in, carbon = (given(self.seen.get(name), size) for name in TARIFF)
        price, cost = exact(cleared["price"], ZERO), dt * (p.wear * sum(map(abs, self.b)) + p.lost_load * sum(self.s))
        broken["trade sum"] += sum(trade) != 0 or sum(paid) < 0 or (p.fee == 0 != sum(paid))
        for i, (t, pays) in enumerate(zip(trade, paid, strict=True)):
            cost += dt * (retail[i] * max(t - net[i], 0) - feed_in[i] * max(net[i] - t, 0)) + pays * MICRO
            is_own = self.bid[i] <= price + MICRO if t > 0 else self.bid[i] >= price - MICRO
            is_fair = pays * MICRO < -t * dt * (feed_in[i] if t > 0 else retail[i]) + MICRO
            is_priced = feed_in[i] - MICRO <= price <= retail[i] + MICRO
            broken["trade"] += not min(net[i], 0) <= t <= max(net[i], 0) or (t == 0 and pays != 0)
            broken["worse off"] += t != 0 and not (is_own and is_fair and is_priced)
        flows = self.home.tree.fold(net, lambda k, x: x - self.home.loss[k] * x**2)
        lost = sum((loss * x**2 for loss, x in zip(self.home.loss, flows, strict=True) if loss), ZERO)
        kept = min(lost, max(sum(net), ZERO))
        cost += dt * (feed_in[0] * kept + retail[0] * (lost - kept))
        return cost + p.carbon * carbon[0] * dt * max(lost - sum(net), ZERO)


def record(folder: Any, check: Any) -> dict[str, Any]:
    """Return what the decisions of a journal did, each judged on its own and by what it was made from."""
    header, decisions, head = recorded(folder, check["journal"])
    home, market = Home(header["community"]), folder[check["market"]].split(b"\n")[:-1]
    p = SimpleNamespace(**{name: exact(x) for name, x in check["prices"].items()})
    ranges = [(name, i, listed(ends, 2)) for name, rows in check["ranges"].items() for i, ends in enumerate(rows)]
    found: Any = Counter(decisions=len(decisions))
    broken, gaps, moves, margin, cost = Counter[str](), list[Any](), list[Any](), INF, ZERO
    runs: list[list[Step]] = []
    for said, line in zip(decisions, market, strict=True):
        step = Step(home, said, runs[-1][-1] if said["step"] else None)
        runs += [] if said["step"] else [[]]
        runs[-1].append(step)
        broken.update(step.broken())
        cost += step.settle(json.loads(line), p, broken)
        gaps += [gap for gap in [step.gap()] if gap is not None]
        moves.append(sum((b - hat) ** 2 for b, hat in zip(step.b, step.hat, strict=True)))
        seen = {name: given(step.seen.get(name), home.size) for name in check["ranges"]}
        found["inside"] += all(low <= seen[name][i] <= high for name, i, (low, high) in ranges)
        found.update([f"mode {step.mode}", *(f"cause {cause}" for cause in step.causes)])
        found.update(curtailed_kwh=home.dt * sum(step.c), shed_kwh=home.dt * sum(step.s))
        flows = zip(home.tree.sums(step.n), step.imports, step.exports, strict=True)
        margin = min(margin, *(min(most + flow, least - flow) for flow, most, least in flows))
    need(min(gaps, default=ZERO) >= 0, "a decision is better than the best: it breaks a limit")
    for run in runs:
        end = min(exact(x.seen["retail_price"][0]) for x in run) if p.terminal is None else p.terminal
        cost -= end * sum(run[-1].stored(i) - run[0].e[i] for i in range(home.size))
    for share in (50, 99, 100) if gaps else ():
        found[f"distance_p{share}_kw"] = math.sqrt(2 * sorted(gaps)[-(-len(gaps) * share // 100) - 1])
    found["fallbacks"] = len(decisions) - found["mode policy"] - found["mode projected"]
    return {
        **found, "head": head, "policy": header["policy"]["name"], "windows": len(runs), "certified": len(gaps),
        "violations": sum(broken.values()), "broken": {rule: n for rule, n in broken.items() if n}, "cost": cost,
        "interventions": sum(x > MICRO for x in moves), "intervention_max_kw": max(moves) ** 0.5, "margin_kw": margin,
    }  # fmt: skip


def optimum_of_window(folder: Any, check: Any) -> dict[str, Any]:
    """Return what no dispatch of a recorded window costs less than, what one costs, and by how much that one is off."""
    header, decisions, _ = recorded(folder, check["journal"])
    home, p = Home(header["community"]), SimpleNamespace(**{name: exact(x) for name, x in check["prices"].items()})
    part = json.loads(folder[check["certificate"]])["windows"][check["window"]]
    steps = [Step(home, said, None) for said in decisions[part["first"] : part["first"] + part["steps"]]]
    need([x.said["step"] for x in steps] == list(range(part["steps"])), "a window that is none")
    tariff = [[exact(x.seen[name][0]) for name in TARIFF] for x in steps]
    end = min(x[0] for x in tariff) if p.terminal is None else p.terminal
    rated = [[steps[0].limits[name][i] for name in RATED] for i in range(home.size)]
    storage = [(*x[:4], x[4] * c, x[5] * c, a) for x, c, a in zip(rated, home.capacity, home.kept, strict=True)]
    costs = [[home.dt * c for c in (p.wear, p.lost_load, x + p.carbon * kg, y)] + [ZERO] for x, y, kg in tariff]
    costs[-1][-1] = -end
    limits, hours = (home.imports, home.exports, [x[6] for x in rated]), [(x.d, x.g, home.dt) for x in steps]
    program = lib.window(home.tree, limits, storage, hours, [(end, e, e, 0) for e in steps[0].e], prices=costs)
    bound = lib.bound_of(*program, [{"multipliers": part["multipliers"]}], highest=False)
    cost, off = lib.worth_of(*program, part["point"])
    x, n = dict(part["point"]), home.size
    batteries = [n + h * (5 * n + 2) + i for h in range(part["steps"]) for i in range(n)]
    need(all(min(x.get(j, 0), x.get(j + n, 0)) <= 1e-7 for j in batteries), "a battery runs both ways")
    return {"bound": bound, "incumbent": cost, "repair": off, "steps": part["steps"]}


def windows_of(folder: Any, check: Any) -> list[dict[str, Any]]:
    """Return the checks of the windows that the check of an optimum consists of; together they are the whole record."""
    parts = json.loads(folder[check["certificate"]])["windows"]
    firsts = [sum(part["steps"] for part in parts[:k]) for k in range(len(parts) + 1)]
    need([part["first"] for part in parts] == firsts[:-1], "windows are left out, or twice")
    need(firsts[-1] == len(recorded(folder, check["journal"])[1]), "windows are left out")
    facts = {name: check[name] for name in ("journal", "certificate", "prices")}
    return [{**facts, "kind": "optimum-window", "window": k} for k in range(len(parts))]


def optimum(parts: list[Any], saved: Any) -> dict[str, Any]:
    """Return the optimum of all windows, and what a policy saves of it, whose cost and the baseline's are given."""
    bound, cost = (sum(part[name] for part in parts) for name in ("bound", "incumbent"))
    found = {"bound": bound, "incumbent": cost, "repair": max(part["repair"] for part in parts)}
    found |= {"gap": (cost - bound) / max(abs(cost), ONE)}
    if saved is not None:
        least, most = saved
        found |= {"saved": most - least, "share": (most - least) / (most - bound)}
        found |= {"regret": (least - bound) / sum(part["steps"] for part in parts)}
    return found

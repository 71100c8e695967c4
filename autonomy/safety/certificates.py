"""Checks certificates with nothing but Python: each kind of docs/safety-certificates.md, from the facts of its file.

Written from docs/safety-certificates.md alone. verify.py loads this file from beside itself, and this one programs.py.
"""

import runpy
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

lib: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("programs.py"))))
need, exact, listed, clip = lib.need, lib.exact, lib.listed, lib.clip
INF, ZERO, ONE, MICRO = lib.INF, lib.ZERO, lib.ONE, lib.MICRO
NEAR, MARGIN = Fraction(1, 10**9), Fraction(1, 10**5)  # how floats are written; kW that limits are kept off for each


def closed_form(tree: Any, side: Any, wanted: list[Any], eased: list[Any]) -> Any:
    """Return the least total cut at a point, from the leaves to the feeder."""
    wish = [w - z - r for w, z, r in zip(wanted, eased, side["help_kw"], strict=True)]
    near, far, own = side["near_kw"], side["far_kw"], side["connection_kw"]
    passed = [clip(x, -k, k) for x, k in zip(wish, own, strict=True)]
    flow = tree.fold(passed, lambda k, x: clip(x, -far[k], near[k]))
    cuts = sum(max(x - k, ZERO) for x, k in zip(wish, own, strict=True))
    return cuts + sum(max(x - k, ZERO) for x, k in zip(flow, near, strict=True))


def check_cut(tree: Any, side: Any, wanted: Any, eased: Any, plan: Any, labels: Any) -> Any:
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


def side_of(said: Any) -> tuple[Any, Any]:
    """Return the network of a certificate, and its side with numbers for texts."""
    tree, side = lib.Tree(said["network"]["parent"], said["network"]["bus"]), dict(said["side"])
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
        is_reach = side["help_kw"][i] >= 0 <= spare and (spare <= 2 * MICRO or not is_shed)
        need(side["rung"] != "support" or is_reach, "a battery can help less than it says")
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
        program = lib.worst_case_program(tree, side, wanted, eased, sums, sun)
        need(lib.stated(said["program"]) == program, "the program is not that of the domain")
        need(bound == max(lib.bound_of(*program, said["tree"], highest=True), ZERO), "the tree proves another bound")
    need(gap == bound - value >= 0 and allowed <= MICRO, "another gap")
    return "PROVED-EXACT" if gap <= allowed else "BOUNDED"


def reserve(said: Any) -> str:
    """Check a reserve: the plan gets through the window without shedding, and the tree bounds what any start needs."""
    tree, dt = lib.Tree(said["network"]["parent"], said["network"]["bus"]), exact(said["timestep_h"])
    size, share = len(tree.bus), said["objective"] == "share"
    limits = [listed(said["limits"][name], None, INF) for name in ("import_kw", "export_kw", "connection_kw")]
    names = "charge_kw", "discharge_kw", "charge_efficiency", "discharge_efficiency"
    rated = [[exact(x[name]) for name in names] for x in said["storage"]]
    bands = [(*listed(x["band_kwh"], 2), exact(x["retention"])) for x in said["storage"]]
    storage = [(*one, *other) for one, other in zip(rated, bands, strict=True)]
    hours = [(listed(d, size), listed(g, size), dt) for d, g in zip(said["demand_kw"], said["pv_kw"], strict=True)]
    first = [(ZERO if share else ONE, x[4], x[5], 0) for x in storage]
    columns, rows = lib.window(tree, limits, storage, hours, first, share=share)
    need(lib.stated(said["program"]) == (columns, rows), "the program is not that of the window")
    energy = listed(said["plan"]["start_kwh"], size)
    above = [(e - x[4], x[5] - x[4]) for e, x in zip(energy, storage, strict=True)]
    value = max((e / width for e, width in above if width), default=ZERO) if share else sum(e for e, _ in above)
    point = energy + [value] * share
    for battery, cut in zip(said["plan"]["battery_kw"], said["plan"]["curtail_kw"], strict=True):
        charge = [max(b, ZERO) for b in listed(battery, size)]
        drain = [max(-b, ZERO) for b in listed(battery, size)]
        energy = [x[6] * energy[i] + dt * (x[2] * charge[i] - drain[i] / x[3]) for i, x in enumerate(storage)]
        point += charge + drain + energy + listed(cut, size)
    need(
        len(point) == len(columns) and lib.worth_of(columns, rows, enumerate(point))[1] == 0, "the plan breaks a limit"
    )
    floor = ZERO if share else sum(x[4] for x in storage)
    bound = max(lib.bound_of(columns, rows, said["tree"], highest=False) - floor, ZERO)
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


def alike(ours: Any, theirs: Any, more: Any = NEAR) -> bool:
    """Whether our numbers are theirs but for how floats are written, or smaller by a margin."""
    pairs = zip(ours, theirs, strict=True)
    return all(x == y or -NEAR <= y - x <= more for x, y in pairs)


def belongs(said: Any, home: Any) -> None:
    """Check that the facts of a certificate are those of a community, as a journal's header describes it."""
    rated, names = home.rated, ("charge_limit_kw", "discharge_limit_kw", "charge_efficiency", "discharge_efficiency")
    band = [(low * c, high * c) for low, high, c in zip(rated["soc_min"], rated["soc_max"], home.capacity, strict=True)]
    if "network" in said:
        need(said["network"] == {"parent": home.tree.parent, "bus": home.tree.bus}, "it is about another network")
    if "power_kw" in said:
        powers = [
            alike(listed(pair), (rated[names[0]][i], rated[names[1]][i])) for i, pair in enumerate(said["power_kw"])
        ]
        need(all(powers) and len(powers) == home.size, "it is about other batteries")
    side, limits = said.get("side"), said.get("limits")
    is_shed = side is not None and side["quantity"] == "shed"
    stores = said["domain"]["storage"] if side else said.get("storage", ())
    for i, store in enumerate(stores):
        pair = ("power_kw", names[is_shed]), ("efficiency", names[2 + is_shed])
        pairs = pair if side else zip((x.replace("_limit", "") for x in names), names, strict=True)
        ours = [(exact(store[one]), rated[name][i]) for one, name in pairs]
        ours += [*zip(listed(store["band_kwh"]), band[i], strict=True), (exact(store["retention"]), home.kept[i])]
        need(len(stores) == home.size and alike(*zip(*ours, strict=True)), "it is about other batteries")
    need(all(exact(x["timestep_h"]) == home.dt for x in (said, *stores) if "timestep_h" in x), "another time step")
    if limits or (side and side["rung"] != "dead-stop"):
        ends = ("near_kw", "far_kw", "connection_kw") if side else ("import_kw", "export_kw", "connection_kw")
        true = [home.imports, home.exports] if limits or is_shed else [home.exports, home.imports]
        kept = INF if any(home.loss) else (home.size + 1) * MARGIN
        for name, limit in zip(ends, [*true, rated["connection_limit_kw"]], strict=True):
            need(alike(listed((limits or side)[name], None, INF), limit, kept), "it is about other limits")


def covers(said: Any, domain: Any) -> None:
    """Check that the domain of a worst case is the one that a report states."""
    is_shed, given = said["side"]["quantity"] == "shed", {x["name"]: x["values"] for x in domain["ranges"]}
    demand, pv = ("wanted", "eased") if is_shed else ("eased", "wanted")
    is_stopped, own, shared = said["side"]["rung"] == "dead-stop", said["domain"], domain["together"]
    peak, spread, sun = listed(shared["pv_peak_kw"]), listed(shared["spread"]), own["sun"]
    for part, ranges in ((demand, given["demand_kw"]), (pv, given["pv_kw"])):
        if part == "wanted" or not is_stopped:
            pairs = zip(own[f"{part}_kw"], ranges, strict=True)
            need(all(alike(listed(x), listed(y)) for x, y in pairs), "it is about other ranges")
    tree, most = lib.Tree(said["network"]["parent"], said["network"]["bus"]), [exact(x[1]) for x in given["demand_kw"]]
    for bound in own["sums"]:
        total, k = tree.sums(most)[bound["below"]], bound["below"]
        ends = (
            (bound["lower"], exact(shared["base"][k]) * total),
            (bound["upper"], exact(shared["coincidence"][k]) * total),
        )
        held = [x is None or abs(exact(x) - y) <= NEAR for x, y in ends]
        need(bound["of"] == demand and all(held), "it is about other sums")
    if sun is not None:
        roofs = [[p * max(1 - x, ZERO), p * (1 + x)] for p, x in zip(peak, spread, strict=True)]
        held = [alike(listed(x), y) for x, y in zip(sun["per_sun_kw"], roofs, strict=True)]
        is_one = alike(listed(sun["range"]), listed(shared["sun"])) and sun["of"] == pv and all(held)
        need(is_one and alike([exact(sun["mean_per_sun_kw"])], [sum(peak)]), "it is about another sun")


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
    if said["kind"] == "market":
        found["gap"] = Fraction(said["gap"])
    if said["kind"] == "soc":
        found["excess_kwh"] = max(exact(x) for pair in said["robust"] for x in pair)
    return {**found, "kind": said["kind"], "verdict": check(said)}

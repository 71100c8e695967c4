"""Recovery in closed form: the least curtailment, then the least shedding, line by line from the leaves.

At a node or line whose net export exceeds its limit by r, r is taken from what is below; nothing less would do, so
the total cut is minimal. It is taken only where power flows towards the grid, and no flow is turned round. So what
is asked of a subtree never exceeds what it exports, and a node that exports n has at least n of generation left to
cut: n = (g − c) − (d − s) <= g − c. By induction from the leaves every limit can be met. Imports mirror exports
with shedding: −n <= d − s. No solver, no measurement of the batteries, integers throughout.

Two passes, each of which looks at every line once: from the leaves to the feeder, how much each line has to lose and
could lose; from the feeder to the leaves, who loses it. A line takes what is asked from above together with what it
has to lose itself, so the work grows with the number of lines and not with their depth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autonomy.layers.supervision.milliwatt import Bounds, Milliwatts, Plan, net_export_of


def grid_only(bounds: Bounds) -> Plan:
    """Return the plan with b = 0 and minimal cuts; safe for every state of charge in its band."""
    zero = np.zeros_like(bounds.pv)
    return restrain(bounds, Plan(battery=zero, curtail=zero, shed=zero), move_batteries=False)


def restrain(bounds: Bounds, plan: Plan, *, move_batteries: bool) -> Plan:
    """Return the plan with every connection and line brought inside its limits by minimal cuts.

    With `move_batteries`, batteries give way first, as far as their box allows; that is how the milliwatts of
    rounding are removed from a plan that is feasible in real numbers. Where the host cannot cut, or a box is in the
    way, what cannot be held stays over its limit, and `check` reports it.
    """
    charge, discharge = bounds.battery_upper - plan.battery, plan.battery - bounds.battery_lower
    if not move_batteries:
        charge = discharge = np.zeros_like(plan.battery)
    moved = np.array(_reductions(bounds, plan, charge, discharge), dtype=np.int64)
    down, up = np.maximum(moved, 0), np.maximum(-moved, 0)
    charged, discharged = np.minimum(down, charge), np.minimum(up, discharge)
    return Plan(
        battery=plan.battery + charged - discharged,
        curtail=plan.curtail + (down - charged),
        shed=plan.shed + (up - discharged),
    )


def _reductions(bounds: Bounds, plan: Plan, charge: Milliwatts, discharge: Milliwatts) -> list[int]:
    """Return (N,) by how much each node's net export is lowered, < 0 where it is raised."""
    network = bounds.situation.community.network
    nodes, lines = network.nodes_of_line, network.lines_of_line
    net, connection = net_export_of(bounds, plan).tolist(), bounds.connection.tolist()
    export_limit, import_limit = bounds.export_limit.tolist(), bounds.import_limit.tolist()
    down = (charge + bounds.curtailable - plan.curtail).tolist()
    up = (discharge + bounds.sheddable - plan.shed).tolist()
    moved, spare = [0] * len(net), [0] * len(net)
    for i, flow in enumerate(net):
        moved[i], spare[i] = _relief(flow, -connection[i], connection[i], down[i], up[i])
    kept, asked, line_spare = ([0] * network.n_lines for _ in range(3))
    for line in network.leaves_first:
        flow = sum(net[i] - moved[i] for i in nodes[line]) + sum(kept[k] for k in lines[line])
        below = [*(spare[i] for i in nodes[line]), *(line_spare[k] for k in lines[line])]
        most_down, most_up = sum(x for x in below if x > 0), -sum(x for x in below if x < 0)
        asked[line], line_spare[line] = _relief(flow, -import_limit[line], export_limit[line], most_down, most_up)
        kept[line] = flow - asked[line]
    for line in reversed(network.leaves_first):
        if asked[line] == 0:
            continue
        sign = 1 if asked[line] > 0 else -1
        below = [*(spare[i] for i in nodes[line]), *(line_spare[k] for k in lines[line])]
        parts = share(abs(asked[line]), [max(sign * x, 0) for x in below])
        for i, part in zip(nodes[line], parts, strict=False):
            moved[i] += sign * part
        for k, part in zip(lines[line], parts[len(nodes[line]) :], strict=True):
            asked[k] += sign * part
    return moved


def _relief(flow: int, least: int, most: int, down: int, up: int) -> tuple[int, int]:
    """Return what to take from a flow to bring it into [least, most], and what could be taken beyond; < 0 is added.

    At most `down` can be taken and `up` added, and no flow is turned round.
    """
    give = min(flow, down) if flow > 0 else max(flow, -up)
    take = min(max(flow - most, 0), give) if flow > 0 else max(min(flow - least, 0), give)
    return take, give - take


def share(amount: int, capacities: Sequence[int]) -> list[int]:
    """Split `amount` in proportion to the capacities, each part within its own; what exceeds them all is dropped.

    The parts are rounded down, and the few units left over go to the first that still have room, so that the parts
    sum to exactly min(amount, Σ capacities).
    """
    total = sum(capacities)
    amount = min(amount, total)
    if amount <= 0:
        return [0] * len(capacities)
    parts = [amount * capacity // total for capacity in capacities]
    rest = amount - sum(parts)
    for k, capacity in enumerate(capacities):
        step = min(rest, capacity - parts[k])
        parts[k] += step
        rest -= step
    return parts

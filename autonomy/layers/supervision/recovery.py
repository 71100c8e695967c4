"""Recovery in closed form: the least curtailment, then the least shedding, line by line from the leaves.

At a node or line whose net export exceeds its limit by r, r is taken from what is below; nothing less would do, so
the total cut is minimal. It is taken only where power flows towards the grid, and no flow is turned round. So what
is asked of a subtree never exceeds what it exports, and a node that exports n has at least n of generation left to
cut: n = (g − c) − (d − s) <= g − c. By induction from the leaves every limit can be met. Imports mirror exports
with shedding: −n <= d − s. No solver, no measurement of the batteries, integers throughout.
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
    state = _State(bounds, plan, move_batteries=move_batteries)
    for node in range(state.net.size):
        limit = int(bounds.connection[node])
        state.lower_node(node, max(int(state.net[node]) - limit, 0))
        state.raise_node(node, max(-limit - int(state.net[node]), 0))
    network = bounds.situation.community.network
    for line in network.leaves_first:
        state.lower_line(line, max(state.flow(line) - int(bounds.export_limit[line]), 0))
        state.raise_line(line, max(-int(bounds.import_limit[line]) - state.flow(line), 0))
    return Plan(battery=state.battery, curtail=state.curtail, shed=state.shed)


class _State:
    """Set-points under change, with the moves that change them."""

    def __init__(self, bounds: Bounds, plan: Plan, *, move_batteries: bool) -> None:
        self.bounds, self.move_batteries = bounds, move_batteries
        self.battery, self.curtail, self.shed = plan.battery.copy(), plan.curtail.copy(), plan.shed.copy()
        self.net: Milliwatts = net_export_of(bounds, plan)
        network = bounds.situation.community.network
        self.nodes = [np.flatnonzero(network.bus_of_prosumer == k).tolist() for k in range(network.n_lines)]
        self.children = [np.flatnonzero(network.parent == k).tolist() for k in range(network.n_lines)]

    def flow(self, line: int) -> int:
        """Return the flow of a line, mW, + = towards the grid."""
        return sum(int(self.net[i]) for i in self.nodes[line]) + sum(self.flow(k) for k in self.children[line])

    def give_down(self, node: int) -> int:
        """Return by how much a node can lower its net export without turning it round."""
        room = int(self.bounds.curtailable[node] - self.curtail[node])
        if self.move_batteries:
            room += int(self.bounds.battery_upper[node] - self.battery[node])
        return min(max(int(self.net[node]), 0), room)

    def give_up(self, node: int) -> int:
        """Return by how much a node can raise its net export without turning it round."""
        room = int(self.bounds.sheddable[node] - self.shed[node])
        if self.move_batteries:
            room += int(self.battery[node] - self.bounds.battery_lower[node])
        return min(max(-int(self.net[node]), 0), room)

    def line_give_down(self, line: int) -> int:
        """Return by how much a line can lower its flow without turning it round."""
        below = sum(map(self.give_down, self.nodes[line])) + sum(map(self.line_give_down, self.children[line]))
        return min(max(self.flow(line), 0), below)

    def line_give_up(self, line: int) -> int:
        """Return by how much a line can raise its flow without turning it round."""
        below = sum(map(self.give_up, self.nodes[line])) + sum(map(self.line_give_up, self.children[line]))
        return min(max(-self.flow(line), 0), below)

    def lower_node(self, node: int, amount: int) -> None:
        """Lower the net export of a node by up to `amount`: charge more if allowed, then curtail."""
        if amount <= 0:
            return
        charge = min(amount, int(self.bounds.battery_upper[node] - self.battery[node])) if self.move_batteries else 0
        cut = min(amount - charge, int(self.bounds.curtailable[node] - self.curtail[node]))
        self.battery[node] += charge
        self.curtail[node] += cut
        self.net[node] -= charge + cut

    def raise_node(self, node: int, amount: int) -> None:
        """Raise the net export of a node by up to `amount`: discharge more if allowed, then shed."""
        if amount <= 0:
            return
        discharge = min(amount, int(self.battery[node] - self.bounds.battery_lower[node])) if self.move_batteries else 0
        cut = min(amount - discharge, int(self.bounds.sheddable[node] - self.shed[node]))
        self.battery[node] -= discharge
        self.shed[node] += cut
        self.net[node] += discharge + cut

    def lower_line(self, line: int, amount: int) -> None:
        """Lower the flow of a line by `amount`, shared over what is below in proportion to what each can give."""
        if amount <= 0:
            return
        nodes, lines = self.nodes[line], self.children[line]
        parts = share(amount, [*map(self.give_down, nodes), *map(self.line_give_down, lines)])
        for node, part in zip(nodes, parts, strict=False):
            self.lower_node(node, part)
        for child, part in zip(lines, parts[len(nodes) :], strict=True):
            self.lower_line(child, part)

    def raise_line(self, line: int, amount: int) -> None:
        """Raise the flow of a line by `amount`, shared over what is below in proportion to what each can give."""
        if amount <= 0:
            return
        nodes, lines = self.nodes[line], self.children[line]
        parts = share(amount, [*map(self.give_up, nodes), *map(self.line_give_up, lines)])
        for node, part in zip(nodes, parts, strict=False):
            self.raise_node(node, part)
        for child, part in zip(lines, parts[len(nodes) :], strict=True):
            self.raise_line(child, part)


def share(amount: int, capacities: Sequence[int]) -> list[int]:
    """Split `amount` in proportion to the capacities, each part within its own; what exceeds them all is dropped.

    The parts are rounded down, and the few units left over go to the first that still have room, so that the parts
    sum to exactly min(amount, Σ capacities).
    """
    total = sum(capacities)
    amount = min(amount, total)
    if total == 0:
        return [0] * len(capacities)
    parts = [amount * capacity // total for capacity in capacities]
    rest = amount - sum(parts)
    for k, capacity in enumerate(capacities):
        step = min(rest, capacity - parts[k])
        parts[k] += step
        rest -= step
    return parts

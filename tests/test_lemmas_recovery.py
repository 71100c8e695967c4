"""Lemmas about recovery, held against the code that they speak of."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from hypothesis import assume, example, given
from hypothesis import strategies as st

from autonomy.layers.supervision import recovery
from autonomy.layers.supervision.milliwatt import Plan, net_export_of, quantise
from tests.lemmas import FEW, assert_tied, below, points_of, worlds

FLOWS = st.integers(-9, 9)
LIMITS = st.integers(0, 9)


@given(FLOWS, *[LIMITS] * 4)
@example(5, 2, 3, 9, 0)
@example(-5, 2, 3, 0, 9)
def test_relief_is_the_function_of_that_name(flow, least, most, down, up):
    take, spare = recovery._relief(flow, -least, most, down, up)
    assert_tied("relief", flow=flow, least=-least, most=most, down=down, up=up, take=take, spare=spare)


@given(st.integers(0, 60), st.lists(st.integers(0, 9), min_size=1, max_size=6))
@example(5, [2, 2, 2])
def test_share_part_share_floors_and_greedy_step_follow_a_split_to_its_end(amount, capacities):
    parts, total = recovery.share(amount, capacities), sum(capacities)
    amount = min(amount, total)
    assume(amount > 0)
    floors = [amount * capacity // total for capacity in capacities]
    for k, (capacity, part) in enumerate(zip(capacities, floors, strict=True)):
        both = {"amount": amount, "total": total}
        assert_tied("share-part", capacity=capacity, part=part, **both)
        sums = {"capacities": sum(capacities[:k]), "parts": sum(floors[:k])}
        assert_tied("share-floors", capacity=capacity, part=part, **sums, **both)
    rest = amount - sum(floors)
    for k, (capacity, part) in enumerate(zip(capacities, floors, strict=True)):
        step = parts[k] - part
        room, room_after = (sum(capacities[j:]) - sum(floors[j:]) for j in (k, k + 1))
        step_of = {"capacity": capacity, "part": part, "step": step, "rest": rest, "rest_after": rest - step}
        assert_tied("greedy-step", room=room, room_after=room_after, **step_of)
        rest -= step
    assert rest == 0
    assert sum(parts) == amount


def watched(bounds: Any) -> tuple[Plan, list[Any], list[Any]]:
    """Return the grid-only plan, and what went into and came out of every `_relief` and every `share` on the way."""
    reliefs: list[Any] = []
    shares: list[Any] = []
    relief, share = recovery._relief, recovery.share

    def watched_relief(*given: int) -> tuple[int, int]:
        reliefs.append((given, relief(*given)))
        return reliefs[-1][1]

    def watched_share(amount: int, capacities: Any) -> list[int]:
        shares.append((amount, list(capacities), share(amount, capacities)))
        return shares[-1][2]

    with patch.object(recovery, "_relief", watched_relief), patch.object(recovery, "share", watched_share):
        plan = recovery.grid_only(bounds)
    return plan, reliefs, shares


def by_line(bounds: Any, reliefs: list[Any]) -> tuple[list[Any], dict[int, Any]]:
    """Return the reliefs of nodes and of lines."""
    order = bounds.situation.community.network.leaves_first
    assert len(reliefs) == bounds.size + len(order)
    return reliefs[: bounds.size], dict(zip(order, reliefs[bounds.size :], strict=True))


@FEW
@given(worlds())
def test_capacity_of_a_line_is_what_recovery_counts_on_from_the_leaves(bounds):
    nodes, lines = by_line(bounds, watched(bounds)[1])
    network = bounds.situation.community.network
    for line in network.leaves_first:
        (given_flow, _, _, given_down, given_up), _ = lines[line]
        flow = down = up = 0
        for (carried, *_), (take, spare) in (
            *(nodes[i] for i in network.nodes_of_line[line]),
            *(lines[k] for k in network.lines_of_line[line]),
        ):
            kept = carried - take
            sums = {"flow": flow, "down": down, "up": up}
            flow, down, up = flow + kept, down + max(spare, 0), up + max(-spare, 0)
            sums |= {"flow_after": flow, "down_after": down, "up_after": up}
            assert_tied("capacity-of-a-line", kept=kept, spare=spare, **sums)
        assert (flow, down, up) == (given_flow, given_down, given_up)


@FEW
@given(worlds())
def test_asked_of_a_line_and_no_flow_turns_round_follow_recovery_to_the_leaves(bounds):
    plan, reliefs, shares = watched(bounds)
    nodes, lines = by_line(bounds, reliefs)
    network = bounds.situation.community.network
    above = dict.fromkeys(lines, 0)
    moved = [take for _, (take, _) in nodes]
    for line in reversed(network.leaves_first):
        (flow, least, most, down, up), (take, spare) = lines[line]
        asked = take + above[line]
        own = {"flow": flow, "least": least, "most": most, "down": down, "up": up, "take": take, "spare": spare}
        assert_tied("asked-of-a-line", above=above[line], asked=asked, **own)
        if asked == 0:
            continue
        sign, (amount, _, parts) = 1 if asked > 0 else -1, shares.pop(0)
        assert amount == abs(asked) == sum(parts)
        children = [
            *((i, None) for i in network.nodes_of_line[line]),
            *((None, k) for k in network.lines_of_line[line]),
        ]
        for (node, inner), part in zip(children, parts, strict=True):
            (carried, low, high, *_), (taken, _) = nodes[node] if inner is None else lines[inner]
            kept = carried - taken
            ends = {"kept": kept, "after": kept - sign * part, "least": low, "most": high}
            assert_tied("no-flow-turns-round", sign=sign, part=part, **ends)
            if inner is None:
                moved[node] += sign * part
            else:
                above[inner] = sign * part
    assert not shares
    assert (plan.curtail - plan.shed).tolist() == moved


@FEW
@given(worlds())
def test_least_cuts_are_what_recovery_makes(bounds):
    plan, reliefs, _ = watched(bounds)
    nodes, lines = by_line(bounds, reliefs)
    network = bounds.situation.community.network
    for line in network.leaves_first:
        members, inner = below(network, line), [line]
        for other in inner:
            inner += network.lines_of_line[other]
        takes = [nodes[i][1][0] for i in members] + [lines[k][1][0] for k in inner[1:]]
        (flow, least, most, *_), (take, _) = lines[line]
        assert_tied(
            "least-cuts",
            uncut=sum(int(bounds.pv[i]) - int(bounds.demand[i]) for i in members),
            curtail=sum(int(plan.curtail[i]) for i in members),
            shed=sum(int(plan.shed[i]) for i in members),
            least_curtail=sum(max(x, 0) for x in takes),
            least_shed=sum(max(-x, 0) for x in takes),
            imports=-least,
            exports=most,
            flow=flow,
            more=max(take, 0),
            fewer=max(-take, 0),
        )


@FEW
@given(worlds())
def test_extra_cut_is_what_a_node_gives_for_the_lines_above(bounds):
    plan, reliefs, _ = watched(bounds)
    net = net_export_of(bounds, plan).tolist()
    for i, (take, _) in enumerate(answer for _, answer in by_line(bounds, reliefs)[0]):
        c, s = max(take, 0), max(-take, 0)
        g, d = int(bounds.pv[i]), int(bounds.demand[i])
        n = (g - c) - (d - s)
        extra = int(plan.curtail[i]) - c if n > 0 else int(plan.shed[i]) - s
        own = {"g": g, "d": d, "c": c, "s": s, "n": n}
        assert_tied("extra-cut", K=int(bounds.connection[i]), extra=extra, n_after=net[i], **own)


@FEW
@given(worlds(), st.data())
def test_capacity_of_a_node_and_move_split_are_what_restrain_does(bounds, data):
    plan = quantise(bounds, points_of(data.draw, bounds.size))
    found: list[Any] = []
    reductions = recovery._reductions

    def watched_reductions(*given: Any) -> list[int]:
        found.extend((*given[2:], reductions(*given)))
        return found[-1]

    with patch.object(recovery, "_reductions", watched_reductions):
        made = recovery.restrain(bounds, plan, move_batteries=True)
    charge, discharge, moved = found
    before, afterwards = net_export_of(bounds, plan), net_export_of(bounds, made)
    for i in range(bounds.size):
        node = {
            "g": int(bounds.curtailable[i]), "d": int(bounds.sheddable[i]), "c": int(plan.curtail[i]),
            "s": int(plan.shed[i]), "b": int(plan.battery[i]), "lower": int(bounds.battery_lower[i]),
            "upper": int(bounds.battery_upper[i]), "n": int(before[i]),
        }  # fmt: skip
        down = int(charge[i] + bounds.curtailable[i] - plan.curtail[i])
        up = int(discharge[i] + bounds.sheddable[i] - plan.shed[i])
        assert_tied("capacity-of-a-node", down=down, up=up, **node)
        step = int(made.battery[i] - plan.battery[i])
        assert_tied(
            "move-split",
            moved=moved[i],
            charged=max(step, 0),
            discharged=max(-step, 0),
            b_after=int(made.battery[i]),
            c_after=int(made.curtail[i]),
            s_after=int(made.shed[i]),
            n_after=int(afterwards[i]),
            **node,
        )

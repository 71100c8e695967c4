"""A dispatch that needs no solver: batteries by a rule, and what then breaks a limit curtailed or shed.

With the batteries at rest it exists whatever the limits are, as long as none excludes a flow of 0: where a line carries
too much, all that adds to its flow is scaled towards 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autonomy.dispatch.point import SetPoints, cost_of
from autonomy.dispatch.storage import ramp_to_rest
from autonomy.dispatch.window import Problem
from autonomy.layers import physics
from autonomy.layers.arrays import Vector
from autonomy.layers.network import Network

ROUNDING_KW = 1e-9
"""kW by which what is cut may exceed what there is to cut; it is clipped off."""


def start_dispatch(problem: Problem) -> SetPoints | None:
    """Return the cheapest dispatch that a rule finds; None where each breaks a limit.

    Batteries that are brought to rest by their ramp limit may leave no dispatch at all.
    """
    found = [asked for battery_kw in _rules(problem) if (asked := within_limits(problem, battery_kw)) is not None]
    return min(found, key=lambda asked: cost_of(problem, asked), default=None)


def within_limits(problem: Problem, battery_kw: Vector) -> SetPoints | None:
    """Return given battery powers with as much curtailed and shed as limits need; None where that is not enough.

    Bottom-up, each line's flow is cut to its limits; top-down, what is too much is taken off all that adds to it in
    proportion. So no flow ever grows, and what is cut at a node is a part of its net export.
    """
    net = physics.net_export(problem.pv_kw, problem.demand_kw, battery_kw)
    limit = problem.community.connection_limit_kw
    allowed = np.clip(net, -limit, limit)
    scaled = _scaled(problem.community.network, allowed, -problem.import_limit_kw, problem.export_limit_kw)
    curtail, shed = np.maximum(net - scaled, 0.0), np.maximum(scaled - net, 0.0)
    if not ((curtail <= problem.pv_kw + ROUNDING_KW) & (shed <= problem.demand_kw + ROUNDING_KW)).all():
        return None
    return SetPoints(
        battery_kw=battery_kw,
        curtail_kw=np.minimum(curtail, problem.pv_kw),
        shed_kw=np.minimum(shed, problem.demand_kw),
    )


def _rules(problem: Problem) -> Iterator[Vector]:
    """Yield battery powers: at rest, as soon as ramps allow; and each home's own surplus stored and used."""
    resting, _ = ramp_to_rest(problem)
    yield resting
    power, energy, previous = np.zeros(problem.shape), problem.initial_kwh, problem.previous_kw
    for step, held in enumerate(problem.held):
        energy = problem.arrived_kwh(step, energy)
        box = physics.rated_box(held, energy, previous)
        power[step] = np.clip(problem.pv_kw[step] - problem.demand_kw[step], box.lower_kw, box.upper_kw)
        energy, previous = physics.rated_energy_after_kwh(problem.community, energy, power[step]), power[step]
    yield power


def _scaled(network: Network, net_kw: Vector, lower_kw: Vector, upper_kw: Vector) -> Vector:
    """Return (T, N) kW of net export, nowhere larger and nowhere of another sign, that keeps every line's limits.

    A line whose limits exclude 0 is cut to them all the same; whoever asks finds that it does not add up.
    """
    outward = physics.own_flows(network, np.maximum(net_kw, 0.0))
    inward = physics.own_flows(network, np.maximum(-net_kw, 0.0))
    flow = np.empty(outward.shape)
    for line in network.leaves_first:
        flow[:, line] = np.clip(outward[:, line] - inward[:, line], lower_kw[:, line], upper_kw[:, line])
        above = network.parent[line]
        if above >= 0:
            outward[:, above] += np.maximum(flow[:, line], 0.0)
            inward[:, above] += np.maximum(-flow[:, line], 0.0)
    keep_out, keep_in = np.ones(flow.shape), np.ones(flow.shape)
    for line in reversed(network.leaves_first):
        above = network.parent[line]
        if above >= 0:
            flow[:, line] *= np.where(flow[:, line] > 0, keep_out[:, above], keep_in[:, above])
        keep_out[:, line] = _share(flow[:, line] + inward[:, line], outward[:, line])
        keep_in[:, line] = _share(outward[:, line] - flow[:, line], inward[:, line])
    bus = network.bus_of_prosumer
    scaled: Vector = net_kw * np.where(net_kw > 0, keep_out[:, bus], keep_in[:, bus])
    return scaled


def _share(part: Vector, whole: Vector) -> Vector:
    """Return part/whole between 0 and 1; 1 where there is nothing."""
    share = np.divide(part, whole, out=np.ones(whole.shape), where=whole > 0)
    return np.clip(share, 0.0, 1.0)

"""Nodes, lines and the feeder in the program.

n = (g − c) − (d − s) − (ch − dis)               |n| <= K
f_l = Σ n at the bus + Σ f of lines below        −(Limp_l − worst-case loss_l) <= f_l <= Lexp_l
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.dispatch.model import Model
from autonomy.dispatch.window import Problem
from autonomy.layers.arrays import Index, Vector


class Feeder(NamedTuple):
    """The flow between community and grid, + = export.

    Attributes:
        flow: (T,) columns.
        lower_kw: (T,) kW, its smallest value.
        upper_kw: (T,) kW, its largest value.
    """

    flow: Index
    lower_kw: Vector
    upper_kw: Vector


def add_nodes(model: Model, problem: Problem, charge: Index, discharge: Index) -> Index:
    """Add curtailment, shedding and net export of every node; return the columns of net export.

    Bounds that the node implies are written out, so that every column is bounded: bounds by multipliers and binaries
    need that.
    """
    demand, pv, dt = problem.demand_kw, problem.pv_kw, problem.community.timestep_h
    shape, limit = problem.shape, problem.community.connection_limit_kw
    lost_load = problem.economics.value_of_lost_load_per_kwh
    curtail = model.columns("curtail", shape, upper=pv)
    shed = model.columns("shed", shape, cost=dt * lost_load, upper=demand)
    lower = np.maximum(-limit, -(demand + problem.charge_limit_kw))
    upper = np.minimum(limit, pv + problem.discharge_limit_kw)
    net = model.columns("net", shape, lower=lower, upper=upper)
    node = model.rows(shape, lower=pv - demand, upper=pv - demand)
    for column, sign in ((net, 1.0), (curtail, 1.0), (shed, -1.0), (charge, 1.0), (discharge, -1.0)):
        model.terms(node, column, sign)
    return net


def add_lines(model: Model, problem: Problem, net: Index) -> Feeder:
    """Add a flow for every line; bounds that the nodes below imply are written out."""
    network, limit, steps = problem.community.network, problem.community.connection_limit_kw, len(net)
    most_in = np.maximum(-limit, -(problem.demand_kw + problem.charge_limit_kw))
    most_out = np.minimum(limit, problem.pv_kw + problem.discharge_limit_kw)
    lower = np.maximum(-problem.import_limit_kw, most_in @ network.incidence.T)
    upper = np.minimum(problem.export_limit_kw, most_out @ network.incidence.T)
    flow = model.columns("flow", (steps, network.n_lines), lower=lower, upper=upper)
    junction = model.rows(flow.shape, lower=0.0, upper=0.0)
    model.terms(junction, flow, 1.0)
    model.terms(junction[:, network.bus_of_prosumer], net, -1.0)
    below = np.flatnonzero(network.parent >= 0)
    model.terms(junction[:, network.parent[below]], flow[:, below], -1.0)
    root = int(np.flatnonzero(network.parent < 0)[0])
    return Feeder(flow[:, root], lower[:, root], upper[:, root])

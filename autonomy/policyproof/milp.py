"""The same network as a mixed-integer program, by another tool: OMLT builds it in Pyomo, HiGHS solves it [Ceccon2022].

A rectifier that bends is a binary variable and the big-M inequalities of its interval, so the optimum is the exact
maximum of a network's output over a box, up to the solver's tolerances. It shares the weights with `crown` and no code:
where both finish, they have to agree; where a bound is above the largest value that was met, this finds the point.

OMLT's dense layers have one activation each, while own numbers pass two layers as they are here. Over a box they are
shifted to be >= 0, so that a rectifier passes them too. Inputs are told from the middle of the box, and columns without
width become part of the bias.
"""

from __future__ import annotations

import time
from importlib import import_module
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np

from autonomy.errors import OptionalDependencyError
from autonomy.layers.arrays import Index, Vector
from autonomy.policyproof.crown import Box, bounds_of, span
from autonomy.policyproof.layered import Layer, Layered

GAP = 1e-9
"""Relative gap at which the solver may stop."""
FEASIBLE = 1e-9


class Optimum(NamedTuple):
    """What the program says.

    Attributes:
        bound: The solver's upper bound of the output.
        value: The output at `point`, as the layers compute it.
        point: (n,) where.
        binaries: Rectifiers that bend inside the box.
        is_optimal: Whether the solver says so; else the time was over, or it failed.
        seconds: s, building included.
        versions: Of the tools.
    """

    bound: float
    value: float
    point: Vector
    binaries: int
    is_optimal: bool
    seconds: float
    versions: str


def maximise(layered: Layered, box: Box, *, limit_s: float = 60.0) -> Optimum:
    """Return the largest value of the one output of layers over one box.

    Args:
        layered: With one output.
        box: One box, (1, n).
        limit_s: s for the solver.

    Raises:
        OptionalDependencyError: OMLT or Pyomo is not installed.
    """
    try:
        omlt: Any = import_module("omlt")  # without types
        nets: Any = import_module("omlt.neuralnet")
        from pyomo import environ as pyo  # noqa: PLC0415 - optional, and slow to import
        from pyomo.contrib.appsi.solvers.highs import Highs  # noqa: PLC0415
    except ImportError:
        raise OptionalDependencyError("the cross-check by OMLT", "policyproof") from None
    start = time.perf_counter()
    wide = np.flatnonzero(box.upper[0] > box.lower[0])
    middle = 0.5 * (box.lower + box.upper)
    half = 0.5 * (box.upper - box.lower)[:, wide]
    inner = Box(-half, half)
    plain = rectified(_around(layered, middle[0], wide), inner)
    model = pyo.ConcreteModel()
    model.network = omlt.OmltBlock()
    model.network.build_formulation(nets.ReluBigMFormulation(_definition(nets, plain, inner)))
    model.most = pyo.Objective(expr=model.network.outputs[0], sense=pyo.maximize)
    bent = int(bounds_of(plain, inner).bent[0])
    solver = Highs()
    solver.config.time_limit = limit_s
    solver.config.load_solution = False
    # No "threads": HiGHS refuses another number than whoever called it first in this process.
    solver.highs_options = {
        "mip_rel_gap": GAP, "mip_abs_gap": GAP, "mip_feasibility_tolerance": FEASIBLE,
        "primal_feasibility_tolerance": FEASIBLE,
    }  # fmt: skip
    result = solver.solve(model)
    point = np.array(box.lower[0])
    if result.best_feasible_objective is not None:
        result.solution_loader.load_vars()
        inputs = [float(pyo.value(model.network.inputs[k])) for k in range(wide.size)]
        point[wide] = np.clip(middle[0, wide] + inputs, box.lower[0, wide], box.upper[0, wide])
    return Optimum(
        bound=float("inf") if result.best_objective_bound is None else float(result.best_objective_bound),
        value=float(layered(point)[0]),
        point=point,
        binaries=bent,
        is_optimal=result.termination_condition.name == "optimal",
        seconds=time.perf_counter() - start,
        versions=f"OMLT {version('omlt')}, Pyomo {version('pyomo')}, HiGHS {version('highspy')}",
    )


def rectified(layered: Layered, box: Box) -> Layered:
    """Return layers that rectify every unit but those of the last layer, and are the same over one box.

    Units that pass as they are get a bias that keeps them >= 0 over the box, which the next layer takes away again.
    """
    relaxations = bounds_of(layered, box).relaxations
    layers: list[Layer] = []
    shift = np.zeros(0)
    for place, layer in enumerate(layered.layers):
        bias = layer.bias - (layer.weight @ shift if place else 0.0)
        if place < len(layered.layers) - 1:
            lower, _ = span(layered, box, relaxations[:place], place)
            shift = np.where(layer.rectified, 0.0, np.maximum(1e-6 - lower[0], 0.0))
            layers.append(Layer(layer.weight, bias + shift, np.ones_like(layer.rectified)))
        else:
            layers.append(Layer(layer.weight, bias, layer.rectified))
    return Layered(tuple(layers))


def _around(layered: Layered, middle: Vector, wide: Index) -> Layered:
    """Return layers of some columns alone, counted from a point."""
    first = layered.layers[0]
    moved = Layer(first.weight[:, wide], first.bias + first.weight @ middle, first.rectified)
    return Layered((moved, *layered.layers[1:]))


def _definition(nets: Any, layered: Layered, box: Box) -> Any:
    """Return the layers as OMLT has them."""
    ends = {k: (float(box.lower[0, k]), float(box.upper[0, k])) for k in range(box.lower.shape[1])}
    network = nets.NetworkDefinition(scaled_input_bounds=ends)
    before: Any = nets.layer.InputLayer([box.lower.shape[1]])
    network.add_layer(before)
    for layer in layered.layers:
        kind = "relu" if layer.rectified.all() else "linear"
        dense = nets.layer.DenseLayer(
            [layer.weight.shape[1]], [layer.bias.size], weights=layer.weight.T, biases=layer.bias, activation=kind
        )
        network.add_layer(dense)
        network.add_edge(before, dense)
        before = dense
    return network

"""Instances of Layer 2's program at any size, drawn from a seed, each in a known regime and with a known answer.

A cell is a prosumer: x = −b, u = curtailment, v = shed load, y = x − u + v, so that its net export is n = base + y with
base = generation − demand, and base is folded into the bounds of the lines. Every cell answers a price p of export in
closed form, y(p). So the price of every line is drawn first, the sum of the multipliers from the feeder down to it, and
the limits are then the flows that belong to these prices: exactly where a line is to bind, with room where it is not.

    slack         all prices 0, and every line has room
    export-bound  prices a little below −(price of curtailing): batteries charge and part of the surplus is cut
    import-bound  prices above 0 but below the price of shedding: batteries alone hold the limits
    shed          prices a little above the price of shedding

A limit is never below 0, so b = 0, c = g, s = d keeps all of them, as in Layer 2. What is meant is not believed all the
same: `regime_of` reads the regime off a certified answer of the reference solver, and `draw` takes no other instances.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from autonomy.benchmark.topologies import TOPOLOGIES
from autonomy.errors import AutonomyError
from autonomy.solvers.allocation import (
    CENTRE,
    DROP,
    LIFT,
    LOWER,
    UPPER,
    WEIGHT,
    Allocation,
    Backend,
    Hierarchy,
    Relief,
    Setup,
    Solution,
    Status,
    V,
    Vector,
    allocation,
)
from autonomy.solvers.certificate import certify

REGIMES = ("slack", "export-bound", "import-bound", "shed")
POWER_KW = 5.0
"""P⁺ and P⁻ of every battery."""
RELIEF = Relief(drop_price=0.01, lift_price=1.1 * 2 * POWER_KW + 1.0, smoothing=1e-3)
"""Prices as Layer 2 sets them: w = 1, ρc = 0.01, ρs above the threshold w·(P⁺ + P⁻), ε = 0.001."""
BINDING = {"feeder": 1.0, "tree": 0.1, "nested": 0.5}
"""Share of the lines that are drawn to bind; the feeder always does, except in the slack regime."""
ROOM = {"feeder": (0.1, 0.5), "tree": (0.02, 0.5), "nested": (1e-4, 1e-2)}
"""Room left on the other lines, as a share of what the batteries below them can move."""
NOTICEABLE_KW = 1e-7
"""kW from which shed load counts as shed."""
CERTIFIED = 1e-7
"""kW, and relative duality gap, up to which the answer that tells the regime is believed."""
DRAWS = 50
"""Attempts at an instance before the regime is given up; only one or two prosumers ever need a second one."""


class NoInstanceError(AutonomyError):
    """No instance of a case could be drawn."""


class UncertifiedError(NoInstanceError):
    """The reference solver could not answer an instance of a case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What is measured: one topology, one regime, one size.

    Attributes:
        topology: A key of `TOPOLOGIES`.
        regime: One of `REGIMES`.
        n: Number of prosumers N >= 1.
        seed: Everything random is drawn from it and from the fields above.
    """

    topology: str
    regime: str
    n: int
    seed: int


def draw(case: Case, count: int, reference: Setup) -> tuple[Allocation, ...]:
    """Return `count` instances of a case, all on the same network, each verified on the answer of `reference`.

    Raises:
        UncertifiedError: the reference has no certified answer.
        NoInstanceError: no instance of the regime could be drawn.
    """
    hierarchy = network(case.topology, case.n, case.seed)
    values = np.random.default_rng(
        [case.seed, case.n, list(TOPOLOGIES).index(case.topology), REGIMES.index(case.regime)]
    )
    solver = reference(hierarchy)
    return tuple(_verified(case, hierarchy, values, solver) for _ in range(count))


@lru_cache(maxsize=2)
def network(topology: str, n: int, seed: int) -> Hierarchy:
    """Return the network of all cases of one topology, size and seed."""
    random = np.random.default_rng([seed, n, list(TOPOLOGIES).index(topology)])
    return TOPOLOGIES[topology](n, random)


def regime_of(answer: Solution) -> str:
    """Return the regime of an instance, read off an answer that has been certified; "mixed" when it is none of them."""
    # An exact solver prices exactly the lines that bind; rounding of an unneeded price is not a binding line.
    exports, imports = bool(np.any(answer.multipliers < -1e-9)), bool(np.any(answer.multipliers > 1e-9))
    sheds = bool(np.max(answer.point[V], initial=0.0) > NOTICEABLE_KW)
    found = {
        (False, False, False): "slack",
        (True, False, False): "export-bound",
        (False, True, False): "import-bound",
        (False, True, True): "shed",
    }
    return found.get((exports, imports, sheds), "mixed")


def sketch(case: Case, hierarchy: Hierarchy, random: np.random.Generator) -> tuple[Allocation, Vector]:
    """Return an instance that is meant to be in the case's regime, and the (G,) multipliers it was drawn with."""
    n = case.n
    imports = case.regime in ("import-bound", "shed")
    # A cold evening without sun, or a bright day: kW per home with an electric car or a large roof.
    demand = random.gamma(4.0, 2.0, n) if imports else random.gamma(2.0, 0.8, n)
    pv = np.zeros(n) if imports else random.gamma(3.0, 3.0, n)
    # A battery's box is its power limit, narrower where it is nearly full or nearly empty.
    most_charge = POWER_KW * np.minimum(random.uniform(0.05, 1.5, n), 1.0)
    most_discharge = POWER_KW * np.minimum(random.uniform(0.05, 1.5, n), 1.0)
    problem = allocation(
        hierarchy,
        centre=random.uniform(-POWER_KW, POWER_KW, n),
        lower=-most_charge,
        upper=most_discharge,
        drop=pv,
        lift=demand,
        total_lower=np.full(hierarchy.n_groups, -np.inf),
        total_upper=np.full(hierarchy.n_groups, np.inf),
        relief=RELIEF,
    )
    multipliers = _limit_lines(case, problem, pv - demand, _multipliers(case, problem, random), random)
    return problem, multipliers


def _verified(case: Case, hierarchy: Hierarchy, random: np.random.Generator, solver: Backend) -> Allocation:
    for _ in range(DRAWS):
        problem, _ = sketch(case, hierarchy, random)
        answer = solver.solve(problem)
        gap = certify(problem, answer).gap / (1.0 + abs(problem.objective(answer.point)))
        violation = problem.infeasibility(answer.point)
        if not (answer.status is Status.SOLVED and abs(gap) <= CERTIFIED and violation <= CERTIFIED):
            said = answer.message or f"{answer.status}, violation {violation:.1e} kW, relative gap {gap:.1e}"
            raise UncertifiedError(f"the reference has no certified answer to an instance of {case}: {said}")
        if regime_of(answer) == case.regime:
            return problem
    raise NoInstanceError(f"no instance in the regime {case.regime!r} among {DRAWS} draws of {case}")


def _multipliers(case: Case, problem: Allocation, random: np.random.Generator) -> Vector:
    """Return (G,) multipliers: the regime's price at the feeder, and a little more at every line drawn to bind.

    From the feeder to the deepest line the prices grow by about a third of the range in which cells can answer.
    """
    hierarchy, relief, cells = problem.hierarchy, problem.relief, problem.cells
    if case.regime == "slack":
        return np.zeros(hierarchy.n_groups)
    if case.regime == "export-bound":
        most = relief.smoothing * float(cells[DROP].mean())
        price, spread = -relief.drop_price - most / 3, -most / 3
    elif case.regime == "import-bound":
        price, spread = 0.5 * POWER_KW, 0.2 * POWER_KW
    else:
        most = relief.smoothing * float(cells[LIFT].mean())
        price, spread = relief.lift_price + most / 3, most / 3
    share = BINDING[case.topology]
    binds = random.random(hierarchy.n_groups) < share
    depth = 1.0 + float(hierarchy.depth.max())
    multipliers = np.where(binds, spread * random.exponential(1.0, hierarchy.n_groups) / (share * depth), 0.0)
    multipliers[0] = price
    return multipliers


def _limit_lines(case: Case, problem: Allocation, base: Vector, drawn: Vector, random: np.random.Generator) -> Vector:
    """Set every line's bounds to its flow at the drawn prices where it is to bind, and beyond it elsewhere.

    Returns:
        The multipliers without those of lines whose flow has the other sign: their limit would be below 0.
    """
    hierarchy, cells = problem.hierarchy, problem.cells
    multipliers = drawn
    while True:
        prices = hierarchy.spread(multipliers)[hierarchy.group_of]
        flow = hierarchy.totals(base + respond(problem, prices))
        wrong = multipliers * flow > 0
        wrong[0] = False
        if not wrong.any():
            break
        multipliers = np.where(wrong, 0.0, multipliers)
    movable = hierarchy.totals(cells[UPPER] - cells[LOWER])
    room = movable * random.uniform(*ROOM[case.topology], hierarchy.n_groups)
    beyond = np.where(drawn[0] == 0, room, movable + hierarchy.totals(cells[DROP] + cells[LIFT]))
    below, above = (room, beyond) if drawn[0] > 0 else (beyond, room)
    folded = hierarchy.totals(base)
    problem.bounds[0] = np.minimum(np.where(multipliers > 0, flow, flow - below), 0.0) - folded
    problem.bounds[1] = np.maximum(np.where(multipliers < 0, flow, flow + above), 0.0) - folded
    return multipliers


def respond(problem: Allocation, prices: Vector) -> Vector:
    """Return (N,) y(p), what every cell does at its price when no sum is bounded."""
    cells, relief = problem.cells, problem.relief
    x = np.clip(cells[CENTRE] + prices / cells[WEIGHT], cells[LOWER], cells[UPPER])
    dropped = np.clip((-prices - relief.drop_price) / relief.smoothing, 0.0, cells[DROP])
    lifted = np.clip((prices - relief.lift_price) / relief.smoothing, 0.0, cells[LIFT])
    y: Vector = x - dropped + lifted
    return y


def least_bytes(problem: Allocation) -> int:
    """Return the bytes that any method has to move: the instance in, the point and the multipliers of lines out."""
    out = 8 * (3 * problem.hierarchy.n_cells + problem.hierarchy.n_groups)
    return int(problem.cells.nbytes + problem.bounds.nbytes + out)

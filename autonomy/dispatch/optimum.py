"""The perfect-foresight optimum of one window: what the best dispatch would have cost, had everything been known.

    window ─▶ program ─▶ linear optimum, binaries only where needed ─▶ set-points ─▶ their cost ─▶ certificate

If no binary was needed, the linear optimum is the optimum of the mixed-integer program. What is reported is not what
the solver says but what the set-points cost as the simulator executes them, and a bound that is checked without the
solver.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from autonomy.assets.timeline import Timeline
from autonomy.dispatch.certificate import Certificate, Claim, Verdict, certify, round_down
from autonomy.dispatch.errors import DispatchError
from autonomy.dispatch.model import NONE
from autonomy.dispatch.point import cost_of, point_of, set_points
from autonomy.dispatch.program import DispatchProgram, dispatch_program
from autonomy.dispatch.window import Problem, Window, known_problem
from autonomy.economics import Economics
from autonomy.layers.arrays import Vector, frozen
from autonomy.layers.community import Community
from autonomy.solvers.auction import TICKS
from autonomy.solvers.exclusive import ExclusiveSolution, solve_exclusive
from autonomy.solvers.linear import Status

OVERLAP_KW = 1e-7
"""kW, largest smaller-of-the-two at which charge and discharge (or import and export) still count as exclusive."""
ROAD_GAP = 1e-4
"""Relative gap at which the search may stop where the program is a relaxation, whose own gap is larger anyway."""
EXCLUSIVE_LP, RELAXED_LP, MILP = "LP (exclusive)", "LP (relaxed)", "MILP"

ADVICE = {
    Status.TIME_LIMIT: "Allow more time or take a shorter window.",
    Status.INFEASIBLE: "Look for a limit that the ramp limit and the power before the window leave no way to keep.",
}
OTHER_ADVICE = "Please report this window."


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Dispatch:
    """The cheapest dispatch of a window, or the cheapest one found.

    Attributes:
        battery_kw: (T, N) kW, + = charge.
        curtail_kw: (T, N) kW >= 0.
        shed_kw: (T, N) kW >= 0.
        objective: Currency, the cost of the window as `Economics` defines it, line losses left out: what a replay in
            the simulator costs.
        method: "LP (exclusive)" where the linear optimum is the optimum, "MILP" where binaries were needed, "LP
            (relaxed)" where neither is so and the gap says how much is open.
        binaries: Number of binary variables that were needed.
        gap: (objective − bound) / max(|objective|, 1). A search that ran out of time returns its best dispatch, with a
            gap above the one asked for.
        seconds: Wall-clock time to build, solve and check.
        bound: Currency, no dispatch costs less. Proved in fractions where the certificate says EXACT, else the best
            that the solver claims.
        certificate: What was checked without the solver, None where nothing was.
    """

    battery_kw: Vector
    curtail_kw: Vector
    shed_kw: Vector
    objective: float
    method: str
    binaries: int
    gap: float
    seconds: float
    bound: float
    certificate: Certificate | None = None


def optimal_dispatch(
    community: Community,
    window: Window,
    *,
    economics: Economics,
    energy_kwh: Vector,
    previous_battery_kw: Vector | None = None,
    timeline: Timeline | None = None,
    time_limit_s: float | None = None,
    relative_gap: float = 1e-6,
) -> Dispatch:
    """Return the cheapest dispatch of the window, everything in it being known. `dispatch_program` is the model.

    Args:
        community: Batteries, network and limits.
        window: What is known.
        economics: Prices that are not tariffs.
        energy_kwh: (N,) kWh stored at the start, before what an EV that returns in the first step drove.
        previous_battery_kw: (N,) kW of the step before, for the ramp limit; None for 0.
        timeline: What EVs, outages and derating change; None for nothing.
        time_limit_s: Seconds for all solves together; None for no limit.
        relative_gap: Largest relative gap at which the search over binaries may stop; the result states what it proved.

    Raises:
        ModelError: an input has the wrong shape or is out of its range.
        DispatchError: no dispatch keeps all limits, the time ran out before one was found, or the solver's answer
            failed the checks.
    """
    start = time.perf_counter()
    problem = known_problem(
        community,
        window,
        economics=economics,
        energy_kwh=energy_kwh,
        previous_battery_kw=previous_battery_kw,
        timeline=timeline,
    )
    model = dispatch_program(problem)
    answer = solve_exclusive(
        model.program,
        model.first,
        model.second,
        tolerance=OVERLAP_KW,
        time_limit_s=time_limit_s,
        relative_gap=max(relative_gap, ROAD_GAP) if _is_relaxed(model) else relative_gap,
    )
    if not answer.solution.found:
        advice = ADVICE.get(answer.solution.status, OTHER_ADVICE)
        raise DispatchError(
            f"no dispatch was found for a window of {problem.shape[0]} steps: {answer.solution.message} {advice}"
        )
    return _checked(problem, model, answer, relative_gap=relative_gap, start=start)


def _checked(
    problem: Problem, model: DispatchProgram, answer: ExclusiveSolution, *, relative_gap: float, start: float
) -> Dispatch:
    """Return the dispatch with what can be proved of it."""
    solution, program = answer.solution, model.program
    asked = set_points(problem, model, solution.x)
    x, objective = point_of(problem, model, asked), cost_of(problem, asked)
    is_optimal = solution.status is Status.OPTIMAL and answer.binaries == 0 and not _is_relaxed(model)
    certificate = certify(
        program,
        x=x,
        dual=answer.dual,
        pairs=(model.first, model.second),
        claim=Claim(
            objective=float(program.cost @ x) + model.constant,
            bound=solution.bound + model.constant,
            is_optimal=is_optimal,
        ),
        relative_gap=relative_gap,
        constant=model.constant,
        proved=answer.proved,
    )
    if certificate.verdict is Verdict.REFUTED:
        raise DispatchError(f"the solver's answer failed the checks: {certificate.message} {OTHER_ADVICE}")
    bound = solution.bound + model.constant
    if certificate.bound is not None:
        proved = round_down(certificate.bound)
        bound = proved if certificate.verdict is Verdict.EXACT else max(bound, proved)
    bound -= _rounded_fees(problem)
    method = MILP if answer.binaries else EXCLUSIVE_LP if is_optimal else RELAXED_LP
    return Dispatch(
        battery_kw=frozen(asked.battery_kw),
        curtail_kw=frozen(asked.curtail_kw),
        shed_kw=frozen(asked.shed_kw),
        objective=objective,
        method=method,
        binaries=answer.binaries,
        gap=max(objective - bound, 0.0) / max(abs(objective), 1.0),
        seconds=time.perf_counter() - start,
        bound=bound,
        certificate=certificate,
    )


def _is_relaxed(model: DispatchProgram) -> bool:
    """Return whether the road takes from slices what it likes, unlike in the simulator: `autonomy.dispatch.slices`."""
    return "road" in model.blocks and bool((model.blocks["road"] != NONE).any())


def _rounded_fees(problem: Problem) -> float:
    """Return currency that fees may be less than fee·traded: each step's are rounded down to a micro-currency."""
    return float((problem.toll > 0).sum()) / TICKS if problem.economics.trade_fee_per_kwh > 0 else 0.0

"""The perfect-foresight optimum of one window: what the best dispatch would have cost, had everything been known.

    window ─▶ program ─▶ linear optimum, splits only where needed ─▶ set-points ─▶ their cost ─▶ certificate

If no binary was needed, the linear optimum is the optimum of the mixed-integer program. What is reported is not what
the solver says but what the set-points cost as the simulator executes them, and a bound that is checked without the
solver.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from autonomy.assets.timeline import Timeline
from autonomy.dispatch.certificate import Certificate, Claim, Verdict, certify, round_down
from autonomy.dispatch.errors import DispatchError
from autonomy.dispatch.implied import tightened
from autonomy.dispatch.model import NONE
from autonomy.dispatch.point import SetPoints, cost_of, point_of, set_points
from autonomy.dispatch.program import DispatchProgram, dispatch_program
from autonomy.dispatch.start import start_dispatch
from autonomy.dispatch.toll import rounding_of
from autonomy.dispatch.window import Problem, Window, known_problem
from autonomy.economics import Economics
from autonomy.layers.arrays import Vector, frozen
from autonomy.layers.community import Community
from autonomy.solvers.deadline import Deadline
from autonomy.solvers.exact import exact_bound
from autonomy.solvers.exclusive import ExclusiveSolution, solve_exclusive
from autonomy.solvers.linear_solution import Status

OVERLAP_KW = 1e-7
"""kW, largest smaller-of-the-two at which charge and discharge (or import and export) still count as exclusive."""
ROAD_GAP = 1e-4
"""Relative gap at which the search may stop where the program is a relaxation, whose own gap is larger anyway."""
EXCLUSIVE_LP, TIGHT_LP, RELAXED_LP = "LP (exclusive)", "LP (tightened)", "LP (relaxed)"
MILP, RULE = "MILP", "rule"

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
        method: "LP (exclusive)" where the linear optimum is the optimum, "LP (tightened)" where it is with rows that
            pairs imply, "MILP" where pairs were split or got binaries, "LP (relaxed)" where none is so and the gap says
            how much is open; "rule" where the time ran out first.
        binaries: Number of pairs that were split on or got a binary variable.
        gap: (objective − bound) / max(|objective|, 1). A search that ran out of time returns its best dispatch, with a
            gap above the one asked for.
        seconds: Wall-clock time to build, solve and check.
        bound: Currency, no dispatch costs less. Proved in fractions where the certificate says EXACT or LIMIT, else the
            best that the solver claims.
        certificate: What was checked without the solver, None where nothing was.
        programs: How many linear programs' multipliers prove the bound: 1, or the leaves of a tree.
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
    programs: int = 1


def optimal_dispatch(
    community: Community,
    window: Window,
    *,
    economics: Economics,
    energy_kwh: Vector,
    previous_battery_kw: Vector | None = None,
    timeline: Timeline | None = None,
    time_limit_s: float | Deadline | None = None,
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
        time_limit_s: Seconds for all solves together, or when they end; None for no limit.
        relative_gap: Largest relative gap at which the search over binaries may stop; the result states what it proved.

    Raises:
        ModelError: an input has the wrong shape or is out of its range.
        DispatchError: no dispatch keeps all limits, the time ran out and no rule's dispatch keeps them, or the
            solver's answer failed the checks.
    """
    start = time.perf_counter()
    deadline = Deadline.of(time_limit_s)
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
        relative_gap=max(relative_gap, ROAD_GAP) if _is_relaxed(model) else relative_gap,
        offset=model.constant,
        tighter=lambda: tightened(problem, model),
        time_limit_s=deadline,
    )
    asked, is_rule = _asked(problem, model, answer)
    return _checked(problem, model, answer, asked, is_rule=is_rule, relative_gap=relative_gap, start=start)


def _asked(problem: Problem, model: DispatchProgram, answer: ExclusiveSolution) -> tuple[SetPoints, bool]:
    """Return the cheapest set-points that were found, and whether a rule found them because a search was stopped.

    Raises:
        DispatchError: there are none.
    """
    found = set_points(problem, model, answer.solution.x) if answer.solution.found else None
    if found is not None and not answer.is_stopped:
        return found, False
    rule = start_dispatch(problem)
    if answer.is_stopped and rule is not None:
        return (rule, True) if found is None or cost_of(problem, rule) < cost_of(problem, found) else (found, False)
    if found is not None:
        return found, False
    said = f"no dispatch was found for a window of {problem.shape[0]} steps: {answer.solution.message}"
    if rule is not None and answer.solution.status is Status.INFEASIBLE:
        raise DispatchError(f"{said} But batteries at rest keep every limit. {OTHER_ADVICE}")
    raise DispatchError(f"{said} {ADVICE.get(answer.solution.status, OTHER_ADVICE)}")


def _checked(
    problem: Problem,
    model: DispatchProgram,
    answer: ExclusiveSolution,
    asked: SetPoints,
    *,
    is_rule: bool,
    relative_gap: float,
    start: float,
) -> Dispatch:
    """Return the dispatch with what can be proved of it."""
    solution, program = answer.solution, model.program
    x, objective = point_of(problem, model, asked), cost_of(problem, asked)
    is_solved = solution.status is Status.OPTIMAL and not (_is_relaxed(model) or answer.is_stopped)
    nothing = exact_bound(program, np.zeros(program.row_lower.size)) if answer.is_stopped else None
    certificate = certify(
        program,
        x=x,
        dual=answer.dual,
        pairs=(model.first, model.second),
        claim=Claim(
            objective=float(program.cost @ x) + model.constant,
            bound=solution.bound + model.constant,
            is_optimal=is_solved and answer.rounds == 0,
            is_stopped=answer.is_stopped,
        ),
        relative_gap=relative_gap,
        constant=model.constant,
        proved=max((bound for bound in (answer.proved, nothing) if bound is not None), default=None),
    )
    if certificate.verdict is Verdict.REFUTED:
        raise DispatchError(f"the solver's answer failed the checks: {certificate.message} {OTHER_ADVICE}")
    bound = _stated_bound(certificate, solution.bound + model.constant) - rounding_of(
        problem.toll, problem.economics.trade_fee_per_kwh
    )
    linear = (TIGHT_LP if answer.rounds else EXCLUSIVE_LP) if is_solved else RELAXED_LP
    return Dispatch(
        battery_kw=frozen(asked.battery_kw),
        curtail_kw=frozen(asked.curtail_kw),
        shed_kw=frozen(asked.shed_kw),
        objective=objective,
        method=RULE if is_rule else MILP if answer.binaries else linear,
        binaries=answer.binaries,
        gap=max(objective - bound, 0.0) / max(abs(objective), 1.0),
        seconds=time.perf_counter() - start,
        bound=bound,
        certificate=certificate,
        programs=answer.leaves,
    )


def _stated_bound(certificate: Certificate, claimed: float) -> float:
    """Return the proved bound, or the better one that the solver claims where its search came to an end."""
    proved = -np.inf if certificate.bound is None else round_down(certificate.bound)
    return max(proved, claimed) if certificate.verdict is Verdict.FLOAT else proved


def _is_relaxed(model: DispatchProgram) -> bool:
    """Return whether the road takes from slices what it likes, unlike in the simulator: `autonomy.dispatch.slices`."""
    return "road" in model.blocks and bool((model.blocks["road"] != NONE).any())

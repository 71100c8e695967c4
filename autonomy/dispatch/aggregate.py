"""The community as one battery a pool behind one node: what its cheapest plan costs, no dispatch costs less.

problem ─▶ pools ─▶ a small linear program (`autonomy.dispatch.pooled`) ─▶ plan, and a bound proved in fractions
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from autonomy.dispatch.certificate import Certificate, Claim, Verdict, certify, round_down
from autonomy.dispatch.errors import DispatchError
from autonomy.dispatch.pooled import aggregate_program
from autonomy.dispatch.pools import Pools, pools_of
from autonomy.dispatch.toll import rounding_of
from autonomy.dispatch.window import Problem
from autonomy.layers.arrays import Vector, frozen
from autonomy.solvers.exclusive import solve_exclusive


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Aggregate:
    """The cheapest plan of the pooled batteries. It is a bound, and a dispatch only if it can be shared out.

    Attributes:
        bound: Currency, no dispatch of the community costs less; proved in fractions.
        objective: Currency, what the plan costs.
        certificate: What was checked of it without the solver.
        pools: Who is pooled with whom.
        charge_kw: (T, K) kW.
        discharge_kw: (T, K) kW.
        stored_kwh: (T, K) kWh at the end of each step.
        curtail_kw: (T,) kW.
        shed_kw: (T,) kW.
        feeder_kw: (T,) kW, + = export.
        seconds: Wall-clock time to build, solve and check.
    """

    bound: float
    objective: float
    certificate: Certificate
    pools: Pools
    charge_kw: Vector
    discharge_kw: Vector
    stored_kwh: Vector
    curtail_kw: Vector
    shed_kw: Vector
    feeder_kw: Vector
    seconds: float


def aggregate_bound(problem: Problem, *, time_limit_s: float | None = None) -> Aggregate:
    """Return a bound on what any dispatch of a problem costs, from one battery a pool behind the feeder.

    Args:
        problem: The window, see `known_problem`.
        time_limit_s: Seconds for the solver; None for no limit.

    Raises:
        DispatchError: the time ran out, or the solver's answer failed the checks.
    """
    start = time.perf_counter()
    pools = pools_of(problem)
    model = aggregate_program(problem, pools)
    answer = solve_exclusive(model.program, model.first, model.second, time_limit_s=time_limit_s)
    if not answer.solution.found:
        raise DispatchError(f"no bound was found for {problem.shape[0]} steps: {answer.solution.message}")
    x = answer.solution.x
    objective = float(model.program.cost @ x) + model.constant
    certificate = certify(
        model.program,
        x=x,
        dual=answer.dual,
        pairs=(model.first, model.second),
        claim=Claim(objective=objective),
        relative_gap=1e-6,
        constant=model.constant,
        proved=answer.proved,
    )
    if certificate.verdict is Verdict.REFUTED or certificate.bound is None:
        raise DispatchError(f"the solver's answer failed the checks: {certificate.message}")
    places = model.blocks
    rounding = rounding_of(problem.toll, problem.economics.trade_fee_per_kwh)
    return Aggregate(
        bound=round_down(certificate.bound) - rounding,
        objective=objective,
        certificate=certificate,
        pools=pools,
        charge_kw=frozen(x[places["charge"]]),
        discharge_kw=frozen(x[places["discharge"]]),
        stored_kwh=frozen(x[places["stored"]]),
        curtail_kw=frozen(x[places["curtail"][:, 0]]),
        shed_kw=frozen(x[places["shed"][:, 0]]),
        feeder_kw=frozen(x[places["net"][:, 0]]),
        seconds=time.perf_counter() - start,
    )

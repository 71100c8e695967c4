"""Many instances in one call: `BatchSolver`, in the rows "exact-batch", per scenario."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from autonomy.benchmark.clock import NANO, undisturbed
from autonomy.benchmark.instances import Case, draw, least_bytes
from autonomy.benchmark.lower_bound import best_bounds, relative_gap
from autonomy.benchmark.machine import Machine
from autonomy.benchmark.row import Outcome, Row
from autonomy.benchmark.verdict import is_right, judge
from autonomy.solvers.allocation import Allocation, Setup, Solution, Status

N = 24
"""Prosumers of a batch's instances."""
CALLS = 200
"""Calls of either loop."""


def batch_row(case: Case, scenarios: int, reference: Setup, machine: Machine) -> Row:
    """Return what a scenario costs when `scenarios` are solved in one call, and how much less than one by one."""
    from autonomy.solvers.batch import BatchSolver  # noqa: PLC0415 - loads Numba

    problems = draw(case, scenarios, reference)
    cells = np.stack([problem.cells for problem in problems])
    bounds = np.stack([problem.bounds for problem in problems])
    hierarchy, relief, overhead = problems[0].hierarchy, problems[0].relief, machine.clock_overhead_s
    started = time.perf_counter_ns()
    solver = BatchSolver(hierarchy)
    setup_s = (time.perf_counter_ns() - started) * NANO
    one = reference(hierarchy)
    found = solver.solve(cells, bounds, relief)
    many_s, single_s = [0] * CALLS, [0] * CALLS
    clock = time.perf_counter_ns
    with undisturbed():
        for k in range(CALLS):  # in turns, so that the ratio is of neighbours in time
            start = clock()
            found = solver.solve(cells, bounds, relief)
            many_s[k] = clock() - start
            start = clock()
            one.solve(problems[k % scenarios])
            single_s[k] = clock() - start
    many = np.maximum(np.array(many_s) * NANO - overhead, 0.0) / scenarios
    single = np.maximum(np.array(single_s) * NANO - overhead, NANO)
    answers = [
        Solution(
            point=found.points[k],
            cell_multipliers=found.cell_multipliers[k],
            multipliers=found.multipliers[k],
            status=Status.SOLVED if found.codes[k] == 0 else Status.FAILED,
        )
        for k in range(scenarios)
    ]
    right, claimed, violation, gap = _verdict(problems, answers)
    return Row(
        method="exact-batch",
        kind="batch",
        topology=case.topology,
        regime=case.regime,
        n=case.n,
        lines=hierarchy.n_groups,
        batch=scenarios,
        outcome=Outcome.RAN,
        setup_s=setup_s,
        instances=scenarios,
        judged=scenarios,
        claimed=claimed,
        right=right,
        lies=claimed - right,
        violation_kw=violation,
        gap=gap,
        hot_calls=CALLS,
        hot_min_s=float(many.min()),
        hot_p50_s=float(np.median(many)),
        hot_p99_s=float(np.quantile(many, 0.99)),
        charged_p50_s=float(np.median(many)),
        charged_p99_s=float(np.quantile(many, 0.99)),
        hot_ratio=float(np.median(many / single)),
        least_bytes=least_bytes(problems[0]),
        floor_ratio=float(np.median(many)) * machine.triad_bytes_per_s / least_bytes(problems[0]),
    )


def _verdict(problems: Sequence[Allocation], answers: Sequence[Solution]) -> tuple[int, int, float, float]:
    """Return how many are right, how many are claimed, the largest violation and the largest gap."""
    judged = [judge(k, problem, answer) for k, (problem, answer) in enumerate(zip(problems, answers, strict=True))]
    bounds = best_bounds(judged, len(problems))
    return (
        sum(is_right(item, bounds) for item in judged),
        sum(item.claimed for item in judged),
        max(item.violation_kw for item in judged),
        max(abs(relative_gap(item, bounds)) for item in judged),
    )

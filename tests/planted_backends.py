"""Backends that misbehave on purpose; a module of its own, because a child process imports it by name."""

from __future__ import annotations

import os
import sys

import numpy as np

from autonomy.solvers.allocation import CENTRE, Allocation, Hierarchy, Solution
from autonomy.solvers.nested import NestedSolver

HANG, ABORT, RAISE, DREAM, PRINT, LIE, SHORT = (1e6 + number for number in range(7))
"""What `Moody` does when the first cell's centre is this number."""


class Moody(NestedSolver):
    """Answers well, unless the instance tells it not to."""

    def solve(self, problem: Allocation) -> Solution:
        mood = problem.cells[CENTRE, 0]
        if mood == HANG:
            sum(range(10**15))  # one call into C that lets no other thread of its process run
        if mood == ABORT:
            os.abort()
        if mood == RAISE:
            raise ZeroDivisionError("as planted")
        answer = super().solve(problem)
        if mood == PRINT:
            os.write(1, b"a banner\n" * 10_000)
            sys.stdout.write("and another\n")
        if mood == DREAM:
            return answer._replace(point=np.full_like(answer.point, np.nan))
        if mood == LIE:
            return answer._replace(point=answer.point + 1e-3)
        if mood == SHORT:
            return answer._replace(multipliers=answer.multipliers[:-1])
        return answer


def needs_what_is_not_installed(hierarchy: Hierarchy) -> NestedSolver:
    import a_library_nobody_has  # noqa: F401, PLC0415

    return NestedSolver(hierarchy)


def fails_to_start(hierarchy: Hierarchy) -> NestedSolver:
    raise ZeroDivisionError("as planted")

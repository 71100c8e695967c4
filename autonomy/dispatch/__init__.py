"""The optimal dispatch of a window that is known: data, program, optimum, certificate."""

from autonomy.dispatch.certificate import Certificate, Claim, Verdict, certify
from autonomy.dispatch.errors import DispatchError
from autonomy.dispatch.optimum import EXCLUSIVE_LP, MILP, OVERLAP_KW, RELAXED_LP, Dispatch, optimal_dispatch
from autonomy.dispatch.point import cost_of, point_of, set_points
from autonomy.dispatch.program import DispatchProgram, dispatch_program
from autonomy.dispatch.window import Problem, Window, known_problem

__all__ = [
    "EXCLUSIVE_LP",
    "MILP",
    "OVERLAP_KW",
    "RELAXED_LP",
    "Certificate",
    "Claim",
    "Dispatch",
    "DispatchError",
    "DispatchProgram",
    "Problem",
    "Verdict",
    "Window",
    "certify",
    "cost_of",
    "dispatch_program",
    "known_problem",
    "optimal_dispatch",
    "point_of",
    "set_points",
]

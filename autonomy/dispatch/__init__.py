"""The optimal dispatch of a known window: data, program, optimum, certificate; and bounds of long and large ones."""

from autonomy.dispatch.aggregate import Aggregate, aggregate_bound
from autonomy.dispatch.certificate import Certificate, Claim, Verdict, certify
from autonomy.dispatch.daily import daily_dispatch
from autonomy.dispatch.errors import DispatchError
from autonomy.dispatch.optimum import EXCLUSIVE_LP, MILP, OVERLAP_KW, RELAXED_LP, Dispatch, optimal_dispatch
from autonomy.dispatch.point import cost_of, point_of, set_points
from autonomy.dispatch.program import DispatchProgram, dispatch_program
from autonomy.dispatch.rolling import rolling_optimum
from autonomy.dispatch.sharing import Sharing, shared_dispatch, shared_out
from autonomy.dispatch.window import Problem, Window, known_problem

__all__ = [
    "EXCLUSIVE_LP",
    "MILP",
    "OVERLAP_KW",
    "RELAXED_LP",
    "Aggregate",
    "Certificate",
    "Claim",
    "Dispatch",
    "DispatchError",
    "DispatchProgram",
    "Problem",
    "Sharing",
    "Verdict",
    "Window",
    "aggregate_bound",
    "certify",
    "cost_of",
    "daily_dispatch",
    "dispatch_program",
    "known_problem",
    "optimal_dispatch",
    "point_of",
    "rolling_optimum",
    "set_points",
    "shared_dispatch",
    "shared_out",
]

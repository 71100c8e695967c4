"""Worst cases with certificates that need no solver to check; docs/worst-case.md."""

from autonomy.worstcase.amounts import canonical, digest
from autonomy.worstcase.cut import LeastCut, Point, least_cut, least_cut_value
from autonomy.worstcase.domain import Domain, domain_of
from autonomy.worstcase.side import Quantity, Rung, Side, side_of
from autonomy.worstcase.worst import WorstCase, worst_case

__all__ = [
    "Domain",
    "LeastCut",
    "Point",
    "Quantity",
    "Rung",
    "Side",
    "WorstCase",
    "canonical",
    "digest",
    "domain_of",
    "least_cut",
    "least_cut_value",
    "side_of",
    "worst_case",
]

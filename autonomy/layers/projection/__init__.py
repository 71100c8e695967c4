"""Layer 2: the convex program that turns any intent into the nearest feasible set-points."""

from autonomy.layers.projection.lookahead import Lookahead
from autonomy.layers.projection.offer import Offer, cut_offer
from autonomy.layers.projection.projector import Projector, Proposal
from autonomy.layers.projection.voltage_projector import VoltageProjector

__all__ = ["Lookahead", "Offer", "Projector", "Proposal", "VoltageProjector", "cut_offer"]

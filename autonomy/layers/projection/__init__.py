"""Layer 2: the convex program that turns any intent into the nearest feasible set-points."""

from autonomy.layers.projection.offer import Offer, cut_offer
from autonomy.layers.projection.projector import Projector, Proposal

__all__ = ["Offer", "Projector", "Proposal", "cut_offer"]

"""The auctions that bids are measured in, by name."""

from __future__ import annotations

from autonomy.learning.bidding.market import Terms
from autonomy.market import Rule

RULES: dict[str, Terms] = {
    "uniform": Terms(),
    "uniform-low": Terms(share=0.0),
    "uniform-high": Terms(share=1.0),
    "mcafee": Terms(rule=Rule.MCAFEE),
}
"""One price in the middle of the interval that clears, at its lower or its upper end; or trade reduction."""

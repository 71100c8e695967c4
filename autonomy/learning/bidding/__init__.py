"""The price and the quantity that prosumers bid, learned in the auction from each other.

    books      what the markets of a community are about: who has what left, and what the network is told of it
    play       a policy is played, and its markets are written down
    market     orders, what they save each prosumer, and what one prosumer would save with another order
    recipe     all that the learning depends on
    school     communities and weeks to learn from, and those that validate
    heads      the two heads of the market, linear in the units below them
    answers    the good answer of a prosumer to all others
    learn      self-play: everybody moves to the nearest good answer to the others
    measure    what a prosumer could gain by bidding otherwise, and what clears
    method     `autonomy train --method bids`

A trade moves money and no power, so the batteries do not know of the bids: their heads stay as they are, bit for bit.
"""

from __future__ import annotations

from autonomy.learning.bidding.learn import learn_bids
from autonomy.learning.bidding.recipe import BidRecipe, LearnedBids

__all__ = ["BidRecipe", "LearnedBids", "learn_bids"]

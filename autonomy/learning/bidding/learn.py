"""Self-play: in every market each prosumer looks for the good answer to the others that is nearest to its own.

    markets of the weeks that teach ─▶ everybody's orders, with noise ─▶ each tries other orders, the others as they are
                                   ▲                                                       │
                                   └────────── shared heads, a step towards ◀──────────────┘

A good answer saves the prosumer at most `tolerance` of what its offer could earn less than the best one that it tried.
Of the good ones it takes the one that offers most, and then the price nearest to its own:

    step = Σ over prosumers of stake·(answer − gate)·∂output/∂heads          stake = |n|·dt·(retail − feed-in)

upwards on stake·(answer·log gate + (1 − answer)·log(1 − gate)), with gate = logistic(output): the pull is 0 at the
answer, and it does not die where a gate is near 0 or 1 and the answer at the other end.

What is kept is the mean of the heads over the last updates: answers to answers go to and fro, their mean does not.

Only savings of its own count; that it holds nothing back unless that pays is all that the community asks. A market in
which nobody's answer is far is a point of rest: there everybody's order is as good as any, up to the tolerance, given
the others'. Why the nearest answer and not the best: in markets where nobody decides the price nearly all answers are
as good, and where one does, best answers chase each other in circles (Edgeworth's).

No fee is learned with: prices are shares of the room that a fee leaves, so with any fee it is the same game.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.errors import ModelError
from autonomy.learning.bidding.answers import Answer, answers, others, stakes
from autonomy.learning.bidding.books import Books, Markets, gathered, padded
from autonomy.learning.bidding.heads import Adam, Heads
from autonomy.learning.bidding.market import Orders, Trial, offer_by, orders_by, price_by, trials
from autonomy.learning.bidding.measure import standing_of
from autonomy.learning.bidding.recipe import BidRecipe, LearnedBids, Point
from autonomy.learning.bidding.school import exams, taught
from autonomy.learning.network import Network, logistic
from autonomy.learning.split import Split

EVERYTHING = np.ones(1)
"""The shares that are tried when heads are chosen: all that is left."""


class Pool(NamedTuple):
    """The two-sided markets of all communities that teach.

    Attributes:
        units: (M, N, Q) what the heads are linear in.
        markets: They.
    """

    units: Vector
    markets: Markets

    @classmethod
    def of(cls, network: Network, books: Sequence[Books]) -> Pool:
        """Return the pool of books that a network played."""
        rows = [one.markets.two_sided for one in books]
        units = [network.units(*one.told)[some] for one, some in zip(books, rows, strict=True)]
        return cls(padded(units), gathered([one.markets.take(some) for one, some in zip(books, rows, strict=True)]))

    def drawn(self, count: int, random: np.random.Generator) -> Pool:
        """Return some of the markets."""
        rows = random.integers(len(self.units), size=count)
        return Pool(self.units[rows], self.markets.take(rows))


def learn_bids(
    network: Network,
    split: Split,
    recipe: BidRecipe | None = None,
    *,
    prices: Mapping[str, float] | None = None,
    progress: Callable[[Point], None] = lambda _: None,
) -> LearnedBids:
    """Return a network with heads of the market that have learned; all its other numbers are the same.

    Args:
        network: Whose batteries are trained.
        split: The weeks that teach and those that validate.
        recipe: All that it depends on; the default one when not given.
        prices: Of `Economics`, by name, that the network is told instead of the communities' own.
        progress: Told every point of the curve.
    """
    recipe, prices = recipe or BidRecipe(), prices or {}
    books = taught(network, split, recipe, prices)
    return teach(network, books, exams(network, split, recipe.forecasts[0], prices=prices), recipe, progress)


def teach(
    network: Network,
    books: Sequence[Books],
    validating: Sequence[Books],
    recipe: BidRecipe,
    progress: Callable[[Point], None] = lambda _: None,
) -> LearnedBids:
    """Learn in markets that were played; the heads that gain least by other answers, and lose least, are kept.

    Args:
        network: That played them.
        books: Where it learns.
        validating: By what the heads are chosen.
        recipe: All else that it depends on.
        progress: Told every point of the curve.

    Raises:
        ModelError: there is no market in which somebody has something left and somebody lacks something.
    """
    random, pool = np.random.default_rng(recipe.seed), Pool.of(network, books)
    if not len(pool.units):
        raise ModelError("books", "no market with two sides", "at least one to learn in")
    heads = Heads.begun(pool.units[pool.markets.net_kw != 0.0])
    adam, cpu_s, best = Adam(heads.rows.shape), 0.0, LearnedBids(network, -np.inf, ())
    mean = heads.rows
    curve: list[Point] = []
    for update in range(1, recipe.updates + 1):
        started = time.process_time()
        rate = (1.0 - (update - 1) / recipe.updates) * np.array([[recipe.share_rate], [recipe.learning_rate]])
        slope = _slope(heads, pool.drawn(recipe.markets, random), recipe, random)
        heads = replace(heads, rows=heads.rows + adam.step(slope, rate))
        mean = recipe.memory * mean + (1.0 - recipe.memory) * heads.rows
        cpu_s += time.process_time() - started
        if update % recipe.validate_every == 0 or update == recipe.updates:
            found = replace(heads, rows=mean).put_into(network)
            point = Point(update, cpu_s, *verdict(found, validating))
            best = LearnedBids(found, point.score, ()) if point.score > best.score else best
            curve.append(point)
            progress(point)
    return best._replace(curve=tuple(curve))


def verdict(network: Network, books: Sequence[Books]) -> tuple[float, float, float]:
    """Return `gain`, `lost` and `worth` of a `Point`."""
    orders = [orders_by(one.markets, network.gates(*one.told), 0.0) for one in books]
    stood = [standing_of(mine, one, shares=EVERYTHING) for mine, one in zip(orders, books, strict=True)]
    size = sum(one.hourly.size for one in stood)
    gain, worth = (
        sum(values) / size for values in ((one.hourly.sum() for one in stood), (one.could_worth for one in stood))
    )
    return float(gain), worth - sum(one.traded_worth for one in stood) / size, worth


def _slope(heads: Heads, drawn: Pool, recipe: BidRecipe, random: np.random.Generator) -> Vector:
    """Return (2, Q + 1), in which direction the heads move towards everybody's answers."""
    markets, seen = drawn.markets, heads.seen(drawn.units)
    outputs = heads.outputs(seen)
    share, price = logistic(outputs + recipe.noise * random.normal(size=outputs.shape))
    orders = Orders(offer_by(markets.left_kw, markets.net_kw, share), price_by(markets, price, 0.0, markets.left_kw))
    trial: Trial = trials(markets)
    own = Answer(*logistic(outputs[:, *trial]))
    choices = others(own, _spread(recipe.prices, random), _spread(recipe.shares, random))
    aim = answers(markets, orders, trial, own, choices, recipe.tolerance)
    stake, told = stakes(markets, trial), seen[trial]
    pull = [stake * (goal - gate) for goal, gate in zip(aim, own, strict=True)]
    slope: Vector = np.array(pull) @ told / recipe.markets
    return slope


def _spread(count: int, random: np.random.Generator) -> Vector:
    """Return numbers in 0..1 at equal distances, the first anywhere below the distance."""
    return (np.arange(count) + random.random()) / max(count, 1)

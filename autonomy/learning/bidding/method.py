"""`autonomy train --method bids`: weights whose batteries are trained, and a minute later their bids are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import autonomy
from autonomy import Scenario
from autonomy.errors import ConfigError
from autonomy.learning import curve
from autonomy.learning.bidding.learn import learn_bids
from autonomy.learning.bidding.recipe import BidRecipe, LearnedBids, Point
from autonomy.learning.card import Card
from autonomy.learning.order import Order, Progress, Trained, cooked
from autonomy.learning.shipped import FOLDER, SHIPPED
from autonomy.learning.split import split
from autonomy.learning.weights import Weights, read_weights, write_weights

WEIGHTS = "weights.npz"
AND_THEN = " && "
LIMITS = (
    "Bids learned against neighbours that bid by the same weights, in a uniform-price auction whose price lies in the "
    "middle; groups that agree on their bids were not among them."
)


def carry_out(order: Order, folder: Path, progress: Callable[[Progress], None]) -> Trained:
    """Train the bids of the order's weights on the demo's weeks that teach; all else of the weights stays."""
    recipe, source = recipe_of(order), source_of(order.source)
    started = time.process_time()

    def told(point: Point) -> None:
        progress(Progress(point.update, recipe.updates, point.score))

    progress(Progress(0, recipe.updates, float("nan")))
    (network,), prices = source.networks, source.card.prices
    learned = learn_bids(network, split(Scenario.demo()), recipe, prices=prices, progress=told)
    card = _card(order, source.card, learned, time.process_time() - started)
    write_weights(folder / WEIGHTS, [learned.network], card)
    rows = [
        {"update": p.update, "cpu_s": p.cpu_s, "score": p.score, "gain": p.gain, "lost": p.lost} for p in learned.curve
    ]
    curve.write_table(rows, folder)
    line = [row["cpu_s"] for row in rows], [row["score"] for row in rows]
    curve.draw({card.title: line}, folder, of="of what trade is worth")
    return Trained(folder / WEIGHTS, learned.score, card.cpu_s)


def recipe_of(order: Order) -> BidRecipe:
    """Return the recipe that an order asks for.

    Raises:
        ConfigError: a setting is unknown, or no number.
        ModelError: a number is out of its range.
    """
    recipe = replace(cooked(BidRecipe(), order.settings), seed=order.seed)
    return recipe if order.forecasts is None else replace(recipe, forecasts=order.forecasts)


def source_of(name: str) -> Weights:
    """Return the weights to begin with.

    Args:
        name: A file, a folder that `autonomy train` left, or, where there is neither, the name of weights that ship.

    Raises:
        ConfigError: nothing is found there, or more than one network.
    """
    path = Path(name)
    if not path.exists() and len(SHIPPED.get(name, ())) == 1:
        path = FOLDER / f"{SHIPPED[name][0]}.npz"
    weights = read_weights(path / WEIGHTS if path.is_dir() else path)
    if len(weights.networks) != 1:
        raise ConfigError("--from", "", f"{name} holds {len(weights.networks)} networks; expected one, each by itself")
    return weights


def _card(order: Order, before: Card, learned: LearnedBids, cpu_s: float) -> Card:
    """Return the card of the weights before, with what was added; bids that were taught before are no part of it."""
    command = before.command.partition(f"{AND_THEN}autonomy train --method bids")[0]
    return replace(
        before,
        title=order.title or before.title,
        command=f"{command}{AND_THEN}{order.command}",
        version=autonomy.__version__,
        cpu_s=round(before.cpu_s + cpu_s, 1),
        limits=f"{before.limits.partition(LIMITS)[0].rstrip()} {LIMITS}",
        bid_score=learned.score,
    )

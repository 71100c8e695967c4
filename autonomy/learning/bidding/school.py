"""Where bids learn, and what they are chosen by: weeks of communities that the network itself has played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from autonomy.learning.bidding.books import Books
from autonomy.learning.bidding.play import books_of
from autonomy.learning.bidding.recipe import BidRecipe
from autonomy.learning.draws import VALIDATING, drawn
from autonomy.learning.policy import Brain
from autonomy.learning.split import Split
from autonomy.variation import Place, Variation, varied


def taught(brain: Brain, split: Split, recipe: BidRecipe, prices: Mapping[str, float]) -> list[Books]:
    """Return the books that are learned from: communities drawn from the series that teaches.

    Args:
        brain: Who plays.
        split: With this series.
        recipe: How many communities, and how many of the weeks.
        prices: Of `Economics`, by name, that the policy is told instead of the communities' own.
    """
    series = split.training.series
    week, places = 7 * series.steps_per_day, islice(drawn(series, recipe.seed), recipe.communities)
    return [
        books_of(
            brain,
            seen(place, recipe.forecasts[count % len(recipe.forecasts)], prices),
            range(count % recipe.every_week * week, series.n_steps - week + 1, recipe.every_week * week),
        )
        for count, place in enumerate(places)
    ]


def exams(
    brain: Brain,
    split: Split,
    forecast: str,
    variations: Sequence[Variation] = VALIDATING,
    prices: Mapping[str, float] | None = None,
) -> list[Books]:
    """Return the books of the weeks that validate.

    Args:
        brain: Who plays.
        split: With these weeks.
        forecast: Kind of forecast.
        variations: The communities.
        prices: Of `Economics`, by name, that the policy is told instead of the communities' own.
    """
    series, first = split.validation[0].series, [window.start for window in split.validation]
    return [books_of(brain, seen(varied(one, series), forecast, prices or {}), first) for one in variations]


def seen(place: Place, forecast: str, prices: Mapping[str, float]) -> Place:
    """Return a place as a policy sees it: with a forecast, and with prices of its own where some are given."""
    economics = replace(place.economics, **prices)
    return Place(community=place.community, year=place.year.with_forecast(forecast), economics=economics)

"""Training by gradients: the same seed the same weights, better than it began, and nothing of held-out weeks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from autonomy import Scenario
from autonomy.errors import ConfigError
from autonomy.layers.errors import ModelError
from autonomy.learning.draws import VALIDATING, drawn
from autonomy.learning.gradient.checkpoint import Checkpoints
from autonomy.learning.gradient.imitation import imitate, labels
from autonomy.learning.gradient.lesson import lesson, lessons
from autonomy.learning.gradient.module import Module
from autonomy.learning.gradient.recipe import GradientRecipe, Point
from autonomy.learning.gradient.train import pace, shares, train
from autonomy.learning.split import Split, split
from autonomy.learning.validation import Marks, marks
from autonomy.learning.weights import hash_of

SMALL = GradientRecipe(
    forecasts=("7-day-mean",), updates=40, communities=3, windows=16, least_h=24, most_h=30, validate_every=20
)


@pytest.fixture(scope="module")
def weeks() -> Split:
    return split(Scenario.demo())


@pytest.fixture(scope="module")
def scale(weeks: Split) -> Marks:
    return marks(weeks, VALIDATING[:2], weeks=2)


# Which weeks teach


def test_no_row_of_a_held_out_week_is_in_what_teaches_or_validates(weeks: Split) -> None:
    year = Scenario.demo()
    held_out = np.concatenate([year.series.demand_kw[w.start : w.stop] for w in year.held_out_weeks()])
    known = {row.tobytes() for row in held_out}
    validating = np.concatenate([w.demand_kw for w in weeks.validation])
    teaching = weeks.training.series.demand_kw
    for rows in (teaching, validating, weeks.validation[0].series.demand_kw):
        assert not [row for row in rows if row.tobytes() in known]
    assert not {row.tobytes() for row in teaching} & {row.tobytes() for row in validating}
    assert len(teaching) == 33 * 168
    assert len(weeks.validation) == 6


def test_glued_weeks_keep_the_hours_of_the_day(weeks: Split) -> None:
    series = weeks.training.series
    hours = (series.time - series.time.astype("datetime64[D]")) / np.timedelta64(1, "h")
    np.testing.assert_array_equal(hours, np.tile(np.arange(24), 33 * 7))
    noon, night = series.pv_kw[hours == 12].mean(), series.pv_kw[hours == 0].mean()
    assert noon > 1.0 > night == 0.0


def test_too_few_weeks_cannot_be_split() -> None:
    with pytest.raises(ModelError, match="whole weeks that are not held out"):
        split(Scenario.demo().window(0, 168 * 3))


def test_communities_differ_and_every_fourth_is_the_demo(weeks: Split) -> None:
    source = drawn(weeks.training.series, seed=3)
    places = [next(source) for _ in range(8)]
    again = drawn(weeks.training.series, seed=3)
    assert [next(again).community.n_prosumers for _ in range(8)] == [one.community.n_prosumers for one in places]
    assert [one.community.n_prosumers for one in places[::4]] == [17, 17]
    assert all(4 <= one.community.n_prosumers <= 24 for one in places)
    assert len({one.year.series.sha256 for one in places}) == 7


# Training


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(weeks: Split, scale: Marks) -> None:
    recipe = replace(SMALL, updates=4, validate_every=2, communities=2)
    one, again, other = (train(replace(recipe, seed=seed), weeks, scale) for seed in (5, 5, 6))
    assert hash_of([one.network]) == hash_of([again.network]) != hash_of([other.network])
    assert [point.loss for point in one.curve] == [point.loss for point in again.curve]


def test_a_training_that_was_broken_off_ends_with_the_same_weights(weeks: Split, scale: Marks, tmp_path: Path) -> None:
    recipe = replace(SMALL, updates=6, validate_every=2, communities=2)
    whole, checkpoints = train(recipe, weeks, scale), Checkpoints(tmp_path / "checkpoints", recipe)

    def breaks_off(point: Point) -> None:
        if point.update == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, weeks, scale, keep=checkpoints.keep, progress=breaks_off)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["chapter-000004.pt"]
    points: list[Point] = []
    again = train(recipe, weeks, scale, state=checkpoints.state(), keep=checkpoints.keep, progress=points.append)
    assert hash_of([again.network]) == hash_of([whole.network])
    assert again.score == whole.score
    assert [point._replace(cpu_s=0.0) for point in points] == [point._replace(cpu_s=0.0) for point in whole.curve]
    assert train(recipe, weeks, scale, state=checkpoints.state()).score == whole.score  # nothing is left to do
    with pytest.raises(ConfigError, match=r"learning_rate = 0\.004, not 0\.001"):
        Checkpoints(tmp_path / "checkpoints", replace(recipe, learning_rate=1e-3)).state()
    checkpoints.forget()
    assert checkpoints.state() is None


def test_a_little_training_beats_the_rule_it_begins_with(weeks: Split, scale: Marks) -> None:
    points: list[Any] = []
    learned = train(SMALL, weeks, scale, progress=points.append)
    exams = [lesson(place, "7-day-mean") for place in scale.places]
    begun = Module(torch.Generator().manual_seed(0))
    begun.scale_to(exams[0].features.numpy())
    start = shares(begun, exams, scale).mean()
    assert learned.score > start + 0.03
    assert learned.score == max(point.score for point in learned.curve)
    assert shares(Module.of(learned.network), exams, scale).mean() == pytest.approx(learned.score, abs=1e-12)
    assert [point.update for point in points] == [20, 40]
    assert points[-1].prosumer_steps > points[0].prosumer_steps > 0


def test_the_heads_of_the_market_are_left_as_they_were(weeks: Split, scale: Marks) -> None:
    network = train(replace(SMALL, updates=2, communities=1), weeks, scale).network
    np.testing.assert_array_equal(network.last[3:], 0.0)
    np.testing.assert_array_equal(network.last_bias[3:], [20.0, 0.0])


def test_labels_are_the_optimums_and_imitation_comes_closer_to_them(weeks: Split) -> None:
    taught = lessons(replace(SMALL, communities=1), weeks)
    label = labels(taught[0])
    community = taught[0].twin.community
    assert (label.energy_kwh.numpy() >= community.energy_min_kwh - 1e-6).all()
    assert (label.energy_kwh.numpy() <= community.energy_max_kwh + 1e-6).all()
    module = Module(torch.Generator().manual_seed(1))
    module.scale_to(taught[0].features.numpy())
    rows = np.arange(0, label.rows.size, 7)

    def distance() -> float:
        series = taught[0].twin.series
        at = label.rows[rows]
        surplus = torch.from_numpy(series.pv_kw[at] - series.demand_kw[at])
        ahead = module.of_community(taught[0].features[at])
        wanted = taught[0].twin.wanted_kw(module, ahead, label.energy_kwh[rows], surplus).sum(1)
        return float(((wanted - label.total_kw[rows]) ** 2).mean().detach())

    before = distance()
    imitate(module, taught, 60, np.random.default_rng(0))
    assert distance() < 0.7 * before


def test_other_prices_are_learned_with_and_validated_by(weeks: Split) -> None:
    recipe = replace(SMALL, carbon_price_per_kg=1.0, capacity_price_per_kw=2.0)
    assert recipe.prices == {"carbon_price_per_kg": 1.0, "capacity_price_per_kw": 2.0}
    assert lessons(replace(recipe, communities=1), weeks)[0].twin.economics.carbon_price_per_kg == 1.0
    dear = marks(weeks, VALIDATING[:1], weeks=1, prices=recipe.prices)
    usual = marks(weeks, VALIDATING[:1], weeks=1)
    assert (dear.optimum > usual.optimum).all()
    assert (dear.grid_only > usual.grid_only).all()


def test_the_pace_rises_and_falls() -> None:
    assert [round(pace(part), 3) for part in (0.05, 0.1, 0.55, 1.0)] == [0.5, 1.0, 0.5, 0.0]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"forecasts": ()}, "forecasts"),
        ({"updates": 0}, "updates"),
        ({"least_h": 40, "most_h": 40}, "most_h"),
        ({"learning_rate": float("nan")}, "learning_rate"),
    ],
)
def test_a_recipe_that_cannot_be_cooked_names_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ModelError, match=field):
        GradientRecipe(**changes)


def test_shares_are_0_for_doing_nothing_and_1_for_the_optimum(scale: Marks) -> None:
    np.testing.assert_allclose(scale.shares(scale.grid_only), 0.0)
    np.testing.assert_allclose(scale.shares(scale.optimum), 1.0)
    assert (scale.optimum < scale.grid_only).all()

"""The weights that come with the package: whole, described, good, and without torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from autonomy import Controller, Scenario, Simulator
from autonomy.demo import demo_series
from autonomy.learning.bidding.market import orders_by
from autonomy.learning.bidding.measure import standing_of
from autonomy.learning.bidding.school import exams
from autonomy.learning.draws import VALIDATING
from autonomy.learning.policy import LearnedPolicy
from autonomy.learning.shipped import FOLDER, SEEDS, SHIPPED, shipped
from autonomy.learning.split import split
from autonomy.learning.validation import marks
from autonomy.learning.weights import read_weights
from autonomy.policies import load_policy
from autonomy.rollout import roll_out

FILES = sorted({file for files in SHIPPED.values() for file in files})
LARGEST_BYTES = 120_000


def test_what_is_named_is_what_is_there() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.npz")) == FILES


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_small_and_its_card_says_how_to_train_it_again(file: str) -> None:
    path = FOLDER / f"{file}.npz"
    card = read_weights(path).card
    assert path.stat().st_size < LARGEST_BYTES
    assert card.command.startswith(f"autonomy train --seed {card.seed} ")
    assert "/" not in card.command.partition("--title")[0]
    assert card.data_sha256 == demo_series().sha256
    assert 0.9 < card.score < 1.0
    assert card.cpu_s < 300.0
    assert f" && autonomy train --method bids --from {file} --seed {card.seed} " in card.command
    assert card.bid_score is not None
    assert 0.95 < card.bid_score < 1.0


def test_the_seeds_are_one_recipe() -> None:
    cards = [read_weights(FOLDER / f"{file}.npz").card for file in SEEDS]
    assert [card.seed for card in cards] == [0, 1, 2]
    assert len({(card.forecast, card.limits, tuple(card.prices)) for card in cards}) == 1


@pytest.mark.parametrize("name", SHIPPED)
def test_a_name_is_a_policy_of_its_own(name: str) -> None:
    policy = load_policy(name)
    assert isinstance(policy, LearnedPolicy)
    assert policy is not load_policy(name)
    assert policy.card is not None
    assert policy.card.title == name
    assert len(policy.networks) == len(SHIPPED[name])


def test_a_week_that_validates_is_played_near_the_optimum() -> None:
    scale = marks(split(Scenario.demo()), VALIDATING[:1], weeks=1)
    (place,) = scale.places
    window = place.year.with_forecast("7-day-mean").window(scale.first[0], scale.steps)
    simulator = Simulator(place.community, window, economics=place.economics)
    run = roll_out(simulator, Controller(place.community, policy="learned"), name="learned")
    assert scale.shares(run.cost + 0.0 * scale.optimum)[0] > 0.95
    assert not run.violations


@pytest.mark.parametrize("name", SEEDS)
def test_bids_leave_little_to_gain_in_weeks_that_validate(name: str) -> None:
    policy = shipped(name)
    books = exams(policy, split(Scenario.demo()), "7-day-mean", VALIDATING[:1])[0]
    stood, midpoint = (
        standing_of(orders_by(books.markets, gates, 0.0), books, prices=np.linspace(0.0, 1.0, 11), shares=np.ones(1))
        for gates in (
            policy.gates(*books.told),
            np.broadcast_to([0.0, 0.0, 0.0, 1.0, 0.5], (*books.markets.net_kw.shape, 5)),
        )
    )
    assert stood.traded_kwh > 0.98 * stood.could_kwh
    assert stood.hourly.mean() < 0.2 * midpoint.hourly.mean()
    assert stood.regret.max() < 0.2 * midpoint.regret.max()


def test_weights_with_prices_of_their_own_are_told_those() -> None:
    assert shipped("learned-green").economics.carbon_price_per_kg == 1.0
    assert shipped("learned-flat").economics.capacity_price_per_kw == 2.0


def test_the_shipped_policy_needs_no_torch() -> None:
    text = """
import sys
for name in ("torch", "stable_baselines3", "gymnasium"):
    sys.modules[name] = None
from autonomy import Community, Controller, Scenario, Simulator
community, hours = Community.demo(), Scenario.demo().window(2000, 2)
decision = Controller(community, policy="learned").step(Simulator(community, hours).observe())
assert decision.mode == "policy", decision.reasons
"""
    subprocess.run([sys.executable, "-c", text], check=True, timeout=300)

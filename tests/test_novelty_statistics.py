"""Conformal thresholds, p-values and martingales: exact rates by enumeration and simulation, numbers worked by hand."""

from __future__ import annotations

from itertools import permutations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binomtest

from autonomy.layers.errors import ModelError
from autonomy.layers.supervision.novelty.conformal import (
    beta_quantile,
    clopper_pearson,
    p_value,
    rank_of,
    rate_upper,
    threshold,
)
from autonomy.layers.supervision.novelty.martingale import BETS, Martingale, capitals

SCORES = st.lists(st.floats(-5, 5), min_size=1, max_size=30)


@given(SCORES, st.floats(-6, 6))
def test_a_p_value_is_the_share_of_days_at_least_as_strange_with_the_day_itself(scores, score):
    expected = (1 + sum(other >= score for other in scores)) / (len(scores) + 1)
    assert p_value(np.sort(scores), score) == expected


@given(SCORES, st.floats(-6, 6), st.sampled_from([0.05, 0.1, 0.25, 0.5]))
def test_a_score_is_above_the_threshold_exactly_when_its_p_value_is_at_most_alpha(scores, score, alpha):
    if len(scores) < 1 / alpha - 1:
        with pytest.raises(ModelError, match="calibration days"):
            threshold(np.array(scores), alpha)
        return
    assert (score > threshold(np.array(scores), alpha)) == (p_value(np.sort(scores), score) <= alpha + 1e-12)


@pytest.mark.parametrize("alpha", [0.2, 0.25, 0.4])
def test_over_every_order_of_exchangeable_days_the_last_is_doubted_at_most_alpha_of_the_time(alpha):
    orders = list(permutations(range(7)))
    alarms = sum(order[-1] > threshold(np.array(order[:-1], dtype=float), alpha) for order in orders)
    assert alarms / len(orders) <= alpha
    assert alarms / len(orders) > alpha - 1 / 7


def test_the_rank_worked_by_hand():
    assert rank_of(182, 0.025) == 179  # ⌈183 · 0.975⌉ = ⌈178.425⌉
    assert rank_of(39, 0.025) == 39
    assert rank_of(99, 0.05) == 95
    with pytest.raises(ModelError, match="39"):
        rank_of(38, 0.025)


def test_days_without_a_score_count_as_ordinary():
    assert threshold(np.array([np.nan, 1.0, 2.0, np.nan]), 0.25) == 2.0
    assert threshold(np.array([np.nan, 1.0, 2.0, np.nan]), 0.5) == 1.0


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(1, 300), st.sampled_from([0.025, 0.5, 0.95, 0.975]))
def test_quantiles_of_the_beta_distribution_are_scipys(a, b, probability):
    assert beta_quantile(probability, a, b) == pytest.approx(beta.ppf(probability, a, b), rel=1e-7, abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 200), st.data())
def test_intervals_of_a_share_are_scipys(trials, data):
    hits = data.draw(st.integers(0, trials))
    expected = binomtest(hits, trials).proportion_ci(method="exact")
    assert clopper_pearson(hits, trials) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_stated_bound_holds_for_nineteen_calibrations_in_twenty():
    rng = np.random.default_rng(0)
    bound = rate_upper(99, 0.1)
    rates = [1 - threshold(rng.random(99), 0.1) for _ in range(4000)]  # a uniform day exceeds t with probability 1 − t
    assert np.mean(rates) <= 0.1 + 3 * 0.03 / np.sqrt(4000)
    assert np.mean(np.array(rates) <= bound) == pytest.approx(0.95, abs=0.015)


def test_no_bet_wins_on_average_whatever_the_rank():
    """Ranks of exchangeable days are uniform on 1/m … m/m: the mean factor of each bet is at most 1."""
    for days in (1, 2, 10, 183):
        p = np.arange(1, days + 1) / days
        for bet in BETS:
            assert np.mean(bet * p ** (bet - 1)) <= 1 + 1e-12


def test_over_every_order_of_days_the_capital_is_worth_no_more_than_one_on_average():
    ends = [
        capitals(np.array(order[:3], dtype=float), np.array(order[3:], dtype=float)) for order in permutations(range(6))
    ]
    assert np.mean(ends, axis=0).max() <= 1 + 1e-12


def test_ville_over_many_lives_of_exchangeable_days_the_alarm_is_rarer_than_stated():
    rng = np.random.default_rng(1)
    runs = [max(capitals(rng.random(60), rng.random(200))) for _ in range(400)]
    for alpha in (0.5, 0.2, 0.05):
        assert np.mean(np.array(runs) >= 1 / alpha) <= alpha


def test_a_fixed_calibration_without_growth_would_break_the_promise():
    """Why the bag grows: 20 fixed days of an unlucky kind, all ordinary, make bets on ordinary days win on average."""
    known = 0.5 * np.arange(1, 21) / 21  # of days uniform on 0..1, half are stranger than all of them
    days = (np.arange(10_000) + 0.5) / 10_000
    p = np.array([p_value(known, day) for day in days])
    assert np.mean(0.4 * p ** (0.4 - 1)) > 1.3


def test_the_first_bet_worked_by_hand():
    martingale = Martingale([0.0, 1.0, 2.0])
    # Stranger than all three: p = 1/4, each ε wins ε·4^(1−ε).
    expected = np.mean([bet * 4 ** (1 - bet) for bet in BETS])
    assert martingale.add(3.0) == pytest.approx(expected)
    assert martingale.p_value == 0.25
    martingale.restart()
    assert martingale.capital == 1.0
    assert martingale.add(-1.0) == pytest.approx(np.mean(BETS))  # p = 1: cash keeps, the others lose


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=20), SCORES)
def test_the_order_of_the_calibration_days_does_not_matter(calibration, days):
    forwards, backwards = (Martingale(known) for known in (calibration, calibration[::-1]))
    assert [forwards.add(day) for day in days] == [backwards.add(day) for day in days]
    assert forwards.capital > 0


def test_days_that_grow_stranger_make_the_capital_pass_any_threshold():
    path = capitals(np.arange(100.0), 200.0 + np.arange(30.0))
    assert path[-1] > 1e6
    assert next(day for day, capital in enumerate(path) if capital >= 40) <= 4


def test_the_number_of_calibrations_with_k_alarms_is_beta_binomial():
    """The probability that exactly j of 2 new days exceed the threshold, by counting orders of 6 days."""
    counts = {0: 0, 1: 0, 2: 0}
    for order in permutations(range(6)):
        limit = threshold(np.array(order[:4], dtype=float), 0.4)
        counts[sum(day > limit for day in order[4:])] += 1
    # 4 calibration days, rank 3: the threshold is their second largest. Both new days above it: of the 15 places that
    # two new days can have among six, those in which at most one calibration day is above the lower of the two.
    above_both = sum(
        1
        for low in range(6)
        for high in range(low + 1, 6)
        if sum(1 for x in range(low, 6) if x not in (low, high)) <= 1
    )
    assert counts[2] / 720 == pytest.approx(above_both / comb(6, 2))

"""Bounds of networks: every sampled output lies inside, what is proved is proved exactly, what is hidden is found."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.layers.errors import ModelError
from autonomy.learning.features import FEATURES, OWN
from autonomy.learning.gates import EMPTY, FILL, MATCH, OUTPUTS, PRICE
from autonomy.learning.network import Network
from autonomy.learning.shipped import FOLDER, SEEDS, shipped
from autonomy.learning.weights import hash_of, read_weights, write_weights
from autonomy.policyproof.crown import Box, bounds_of, plane_below, span
from autonomy.policyproof.ensemble import INPUTS, STORED, Ensemble, box_of
from autonomy.policyproof.gate import gate_certificate, gate_objective, range_certificates, witness_certificate
from autonomy.policyproof.interval import Interval
from autonomy.policyproof.layered import Layer, Layered, seen, unrolled
from autonomy.policyproof.planted import Slit, planted
from autonomy.policyproof.relaxation import rectifier, sigmoid
from autonomy.policyproof.rounding import Ball, dot, exactly, times
from autonomy.policyproof.search import Effort, Found, halves, search
from autonomy.policyproof.slice import sliced
from autonomy.policyproof.slopes import jacobian, logistic_slope
from autonomy.safety import crown

seeds = st.integers(0, 2**32 - 1)
WEIGHTS = [(f"{name}.npz", 0) for name in SEEDS]


def read(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def some_layers(random: np.random.Generator, sizes: tuple[int, ...]) -> Layered:
    layers = []
    for given_, size in pairwise(sizes):
        last = size == sizes[-1] and len(layers) == len(sizes) - 2
        rectified = np.zeros(size, dtype=bool) if last else random.random(size) < 0.8
        layers.append(Layer(random.normal(size=(size, given_)), random.normal(size=size), rectified))
    return Layered(tuple(layers))


def some_box(random: np.random.Generator, count: int, columns: int, width: float) -> Box:
    lower = random.normal(size=(count, columns))
    return Box(lower, lower + width * random.random((count, columns)) * (random.random((count, columns)) < 0.7))


def some_network(random: np.random.Generator, units: int = 5) -> Network:
    def drawn(*shape: int) -> np.ndarray:
        return random.normal(size=shape) / math.sqrt(shape[-1])

    return Network(
        mean=random.normal(size=FEATURES), scale=0.1 + random.random(FEATURES), first=drawn(units, FEATURES),
        stored=drawn(units), first_bias=drawn(units), second=drawn(units, units), second_bias=drawn(units),
        third=drawn(4, units), own=drawn(4, OWN), third_bias=drawn(4), last=4 * drawn(OUTPUTS, 4),
        last_bias=drawn(OUTPUTS),
    )  # fmt: skip


def points_in(random: np.random.Generator, box: Box, count: int = 50) -> np.ndarray:
    return random.uniform(box.lower, box.upper, size=(count, *box.lower.shape))


# --- layers ---------------------------------------------------------------------------------------------------------


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_plain_layers_are_the_network(seed: int) -> None:
    random = np.random.default_rng(seed)
    network = some_network(random)
    features, stored, own = 3 * random.normal(size=(6, FEATURES)), random.random(6), random.normal(size=(6, 1, OWN))
    inputs = np.c_[seen(network, features), 2 * stored - 1, own[:, 0]]
    np.testing.assert_allclose(
        unrolled(network)(inputs), network.outputs(features, stored, own)[:, 0], rtol=1e-12, atol=1e-12
    )


def test_layers_that_do_not_fit_are_refused() -> None:
    plain = np.zeros(2, dtype=bool)
    with pytest.raises(ModelError, match="columns"):
        Layered((Layer(np.ones((2, 3)), np.ones(2), plain), Layer(np.ones((2, 3)), np.ones(2), plain)))
    with pytest.raises(ModelError, match="the last rectified"):
        Layered((Layer(np.ones((2, 3)), np.ones(2), ~plain),))
    with pytest.raises(ModelError, match="bias"):
        Layered((Layer(np.ones((2, 3)), np.ones(3), plain),))


# --- lines around bent functions ------------------------------------------------------------------------------------


@given(seeds)
@settings(max_examples=100, deadline=None)
def test_lines_are_on_their_sides(seed: int) -> None:
    random = np.random.default_rng(seed)
    lower = random.normal(size=40) * 10.0 ** random.integers(-3, 2, size=40)
    upper = lower + random.exponential(size=40) * 10.0 ** random.integers(-6, 2, size=40)
    x = np.r_[random.uniform(lower, upper, size=(50, 40)), [lower, upper]]
    for lines, values in (
        (rectifier(lower, upper, np.ones(40, dtype=bool)), np.maximum(x, 0.0)),
        (rectifier(lower, upper, np.zeros(40, dtype=bool)), x),
        (sigmoid(lower, upper), 1.0 / (1.0 + np.exp(-x))),
    ):
        assert (lines.low_slope * x + lines.low_offset <= values).all()
        assert (lines.high_slope * x + lines.high_offset >= values).all()


def test_lines_around_a_rectifier_are_the_known_ones() -> None:
    lines = rectifier(np.array([-1.0, -3.0, 1.0, -2.0]), np.array([3.0, 1.0, 2.0, -1.0]), np.ones(4, dtype=bool))
    np.testing.assert_allclose(lines.high_slope, [0.75, 0.25, 1.0, 0.0])
    np.testing.assert_allclose(lines.high_offset, [0.75, 0.75, 0.0, 0.0])
    np.testing.assert_array_equal(lines.low_slope, [1.0, 0.0, 1.0, 0.0])


def test_the_logistic_function_between_minus_and_plus_two_has_the_known_tangents() -> None:
    lines = sigmoid(np.array([-2.0]), np.array([2.0]))
    touch = 0.5 * (1.0 + math.sqrt(1.0 - 4.0 * lines.high_slope[0]))  # value of the function where the line touches
    place = math.log(touch / (1.0 - touch))
    assert lines.high_slope[0] * place + lines.high_offset[0] == pytest.approx(touch, abs=1e-12)
    assert -2.0 * lines.high_slope[0] + lines.high_offset[0] == pytest.approx(1.0 / (1.0 + math.exp(2.0)), abs=1e-6)


# --- rounding -------------------------------------------------------------------------------------------------------


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_a_radius_holds_the_product_in_fractions(seed: int) -> None:
    random = np.random.default_rng(seed)
    left, right = random.normal(size=(1, 2, 6)) * 10.0 ** random.integers(-8, 8, size=6), random.normal(size=(6, 3))
    twice = times(times(exactly(left), right), random_square := random.normal(size=(3, 3)))
    vector = random.normal(size=3)
    scalar = dot(twice, vector)
    for p in range(2):
        rows = [[sum(Fraction(left[0, p, k]) * Fraction(right[k, j]) for k in range(6)) for j in range(3)]]
        exact = [sum(rows[0][k] * Fraction(random_square[k, j]) for k in range(3)) for j in range(3)]
        for j in range(3):
            assert abs(exact[j] - Fraction(twice.mid[0, p, j])) <= Fraction(twice.rad[0, p])
        total = sum(x * Fraction(y) for x, y in zip(exact, vector, strict=True))
        assert abs(total - Fraction(scalar.mid[0, p])) <= Fraction(scalar.rad[0, p])


def test_a_radius_is_no_larger_than_it_need_be() -> None:
    ball = times(Ball(np.ones((1, 1, 4)), np.full((1, 1), 1e-3)), np.eye(4))
    assert 1e-3 <= ball.rad[0, 0] < 1.001e-3


# --- bounds ---------------------------------------------------------------------------------------------------------


@given(seeds, st.sampled_from([0.0, 1e-6, 0.1, 1.0, 10.0]))
@settings(max_examples=60, deadline=None)
def test_sampled_outputs_are_always_inside(seed: int, width: float) -> None:
    random = np.random.default_rng(seed)
    layered, box = some_layers(random, (4, 9, 7, 3)), some_box(random, 5, 4, width)
    lower, upper = span(layered, box, bounds_of(layered, box).relaxations)
    outputs = layered(points_in(random, box))
    assert (lower <= outputs).all()
    assert (outputs <= upper).all()


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_planes_are_below_all_over_the_box(seed: int) -> None:
    random = np.random.default_rng(seed)
    layered, box = some_layers(random, (3, 8, 8, 2)), some_box(random, 4, 3, 2.0)
    asked = random.normal(size=(5, 2))
    plane = plane_below(layered, bounds_of(layered, box).relaxations, rows=exactly(asked))
    x = points_in(random, box)
    below = np.einsum("bpn,sbn->sbp", np.broadcast_to(plane.slope.mid, (4, 5, 3)), x) + plane.offset.mid
    assert (below <= layered(x) @ asked.T + 1e-9).all()
    at = plane.least_at(box)
    np.testing.assert_allclose(plane.least(box), (plane.slope.mid * at).sum(axis=-1) + plane.offset.mid, atol=1e-9)


def test_a_tiny_network_has_the_bounds_worked_by_hand() -> None:
    # y = max(x0 + x1, 0) − max(x0 − x1, 0) over [−1, 1]²: rectifiers see −2..2, so chords x/2 + 1, lines below 0·x.
    plain = np.zeros(1, dtype=bool)
    layered = Layered((
        Layer(np.array([[1.0, 1.0], [1.0, -1.0]]), np.zeros(2), np.ones(2, dtype=bool)),
        Layer(np.array([[1.0, -1.0]]), np.zeros(1), plain),
    ))  # fmt: skip
    box = Box(np.array([[-1.0, -1.0]]), np.array([[1.0, 1.0]]))
    lower, upper = span(layered, box, bounds_of(layered, box).relaxations)
    # above: (x0 + x1)/2 + 1 − 0 at (1, 1); below: 0 − (x0 − x1)/2 − 1 at (1, −1)
    assert upper[0, 0] == pytest.approx(2.0, abs=1e-12)
    assert lower[0, 0] == pytest.approx(-2.0, abs=1e-12)
    assert layered(np.array([1.0, 1.0])) == 2.0


def test_without_a_bend_the_bounds_are_exact() -> None:
    random = np.random.default_rng(3)
    layered, point = some_layers(random, (4, 9, 7, 3)), random.normal(size=(1, 4))
    lower, upper = span(layered, Box(point, point), bounds_of(layered, Box(point, point)).relaxations)
    np.testing.assert_allclose(upper, layered(point), atol=1e-11)
    np.testing.assert_allclose(lower, layered(point), atol=1e-11)
    assert (lower <= upper).all()


def test_an_error_of_a_layer_widens_the_bounds_by_what_it_is_worth() -> None:
    weight, plain = np.array([[2.0, -3.0]]), np.zeros(1, dtype=bool)
    first = Layer(np.eye(2), np.zeros(2), np.zeros(2, dtype=bool), np.array([0.1, 0.01]))
    box = Box(np.zeros((1, 2)), np.zeros((1, 2)))
    layered = Layered((first, Layer(weight, np.zeros(1), plain)))
    lower, upper = span(layered, box, bounds_of(layered, box).relaxations)
    assert upper[0, 0] == pytest.approx(0.23)
    assert lower[0, 0] == pytest.approx(-0.23)


# --- search ---------------------------------------------------------------------------------------------------------


def layers_objective(layered: Layered):
    def objective(box: Box) -> Found:
        relaxations = bounds_of(layered, box).relaxations
        plane = plane_below(layered, relaxations)
        lower, upper = span(layered, box, relaxations)
        slope = -plane.slope.mid[:, layered.layers[-1].bias.size]
        point = np.where(slope > 0, box.upper, box.lower)
        return Found(lower[:, 0], upper[:, 0], point, layered(point)[:, 0], np.abs(slope) * (box.upper - box.lower))

    return objective


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_fully_split_the_bound_is_the_maximum(seed: int) -> None:
    random = np.random.default_rng(seed)
    layered, box = some_layers(random, (2, 6, 5, 1)), Box(-np.ones((1, 2)), np.ones((1, 2)))
    found = search(layers_objective(layered), box, gap=1e-3)
    sampled = layered(points_in(random, box, 20_000)).max()
    assert sampled <= found.bound
    assert found.bound <= found.value + 1e-3 + 1e-9
    assert found.open_boxes == 0
    assert layered(found.point)[0] == pytest.approx(found.value)


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_shares_add_up_and_are_what_a_grid_says(seed: int) -> None:
    random = np.random.default_rng(seed)
    layered, box = some_layers(random, (2, 6, 5, 1)), Box(-np.ones((1, 2)), np.ones((1, 2)))
    values = layered(points_in(random, box, 20_000))
    most = float(np.quantile(values, 0.6))
    found = search(layers_objective(layered), box, most=most, effort=Effort(boxes=1500, by_volume=True))
    assert found.proved + found.violated + found.unknown == pytest.approx(1.0)
    share = (values <= most).mean()
    assert found.proved <= share + 0.02
    assert found.violated <= 1.0 - share + 0.02
    assert found.is_proved == (found.unknown == 0.0 and found.violated == 0.0)


def test_a_part_is_never_bounded_worse_than_the_whole() -> None:
    # The example of docs/policy-proofs.md: over x0 >= 0 alone the bound is 7/3, over the whole box it is 2.
    layered = Layered((
        Layer(np.array([[1.0, 1.0], [1.0, -1.0]]), np.zeros(2), np.ones(2, dtype=bool)),
        Layer(np.array([[1.0, -1.0]]), np.zeros(1), np.zeros(1, dtype=bool)),
    ))  # fmt: skip
    objective, whole = layers_objective(layered), Box(np.array([[-1.0, -1.0]]), np.array([[1.0, 1.0]]))
    assert objective(Box(np.array([[0.0, -1.0]]), whole.upper)).most[0] == pytest.approx(7.0 / 3.0)
    found = search(objective, whole, most=1.5, effort=Effort(boxes=3, by_volume=True))
    assert found.boxes == 3
    assert found.bound == pytest.approx(2.0)


def test_halves_are_the_box_and_split_what_matters() -> None:
    box = Box(np.array([[0.0, 0.0, 5.0]]), np.array([[2.0, 8.0, 5.0]]))
    both = halves(box, np.array([[3.0, 1.0, 9.0]]))  # the third column has no width
    np.testing.assert_array_equal(both.lower, [[0.0, 0.0, 5.0], [1.0, 0.0, 5.0]])
    np.testing.assert_array_equal(both.upper, [[1.0, 8.0, 5.0], [2.0, 8.0, 5.0]])


# --- the deployed policy --------------------------------------------------------------------------------------------


@given(seeds, st.sampled_from([0.0, 0.02, 0.5, 3.0]))
@settings(max_examples=15, deadline=None)
def test_gates_of_the_shipped_policy_are_inside_their_bounds(seed: int, width: float) -> None:
    random = np.random.default_rng(seed)
    networks = shipped("learned").networks
    ensemble = Ensemble(networks, (MATCH, FILL, EMPTY))
    first = networks[0]
    lower = np.c_[
        first.mean + first.scale * random.normal(size=(3, FEATURES)), random.random(3), random.normal(size=(3, OWN))
    ]
    box = Box(lower, lower + width * np.r_[first.scale, 0.3, np.ones(OWN)] * random.random((3, INPUTS)))
    bounds = ensemble.bounds(box)
    for points in points_in(random, box, 30):
        gates = ensemble(points)
        assert (bounds.least <= gates).all()
        assert (gates <= bounds.most).all()


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_a_box_in_standard_deviations_holds_what_the_network_sees(seed: int) -> None:
    random = np.random.default_rng(seed)
    network = some_network(random)
    box = some_box(random, 4, INPUTS, 3.0)
    inner = box_of(network, box)
    for points in points_in(random, box, 10):
        x = np.c_[seen(network, points[:, :FEATURES]), 2 * points[:, STORED] - 1, points[:, STORED + 1 :]]
        assert (inner.lower <= x).all()
        assert (x <= inner.upper).all()


@given(seeds, st.sampled_from([0.01, 0.3, 1.0]))
@settings(max_examples=15, deadline=None)
def test_a_slice_is_the_network_and_its_slopes_hold(seed: int, width: float) -> None:
    random = np.random.default_rng(seed)
    network = some_network(random)
    origin, directions = random.normal(size=FEATURES + 1), np.zeros((FEATURES + 1, 2))
    directions[[0, 3, 70], 0] = 4.0 * random.normal(size=3)
    directions[FEATURES, 1] = 1.0
    own = random.normal(size=(3, OWN))
    layered = sliced(network, origin, directions, own, (MATCH, FILL))
    lower = random.random((4, 2)) * (1.0 - width)
    box = Box(lower, lower + width)
    bounds = bounds_of(layered, box)
    low, high = span(layered, box, bounds.relaxations)
    steep = jacobian(layered, bounds)
    for points in points_in(random, box, 20):
        inputs = origin + points @ directions.T
        own_rows = np.broadcast_to(own, (4, 3, OWN))
        outputs = network.outputs(inputs[:, :FEATURES], inputs[:, FEATURES], own_rows)[..., [MATCH, FILL]].reshape(
            4, -1
        )
        np.testing.assert_allclose(layered(points), outputs, atol=1e-10)
        assert (low <= outputs + 1e-12).all()
        assert (outputs <= high + 1e-12).all()
        other = random.uniform(box.lower, box.upper)
        change = layered(other) - layered(points)
        most = (np.maximum(steep.low * (other - points)[:, None], steep.high * (other - points)[:, None])).sum(axis=-1)
        least = (np.minimum(steep.low * (other - points)[:, None], steep.high * (other - points)[:, None])).sum(axis=-1)
        assert (least - 1e-9 <= change).all()
        assert (change <= most + 1e-9).all()


def test_the_slope_of_the_logistic_function_is_bounded_at_its_ends_and_at_zero() -> None:
    found = logistic_slope(Interval(np.array([-1.0, 1.0]), np.array([2.0, 2.0])))
    at = 1.0 / (1.0 + math.exp(-2.0))
    np.testing.assert_allclose(found.low, [at * (1 - at)] * 2)
    np.testing.assert_allclose(found.high, [0.25, math.e / (1.0 + math.e) ** 2])


# --- certificates, and the checker without floats -------------------------------------------------------------------


def test_the_checker_reads_the_weights_that_are_shipped() -> None:
    arrays = crown.arrays(read("learned-0.npz"), 0)
    network = read_weights(FOLDER / "learned-0.npz").networks[0]
    for name in ("first", "last", "own", "mean"):
        np.testing.assert_array_equal(np.array(arrays[name]), getattr(network, name))


@given(seeds)
@settings(max_examples=8, deadline=None)
def test_the_checker_bounds_what_the_floats_do(seed: int) -> None:
    random = np.random.default_rng(seed)
    network, gate = some_network(random), int(random.integers(OUTPUTS))
    layers = crown.Network({name: getattr(network, name).tolist() for name in crown_names(network)}, gate)
    box = some_box(random, 1, INPUTS, 1.0)
    exact = [[Fraction(low), Fraction(high)] for low, high in zip(box.lower[0], box.upper[0], strict=True)]
    most, least = layers.most(exact, 1), -layers.most(exact, -1)
    for point in points_in(random, box, 5)[:, 0]:
        value = layers.value([Fraction(x) for x in point])
        assert least <= value <= most
        floats = network.outputs(point[None, :FEATURES], point[None, STORED], point[None, None, STORED + 1 :])
        assert float(value) == pytest.approx(floats[0, 0, gate], abs=1e-9)
    inner = box_of(network, box)
    layered = unrolled(network).rows((gate,))
    lower, upper = span(layered, inner, bounds_of(layered, inner).relaxations)
    slack = 0.05 * (float(upper[0, 0]) - float(lower[0, 0])) + 1e-6  # slopes of twelve bits against slopes of 53
    assert abs(float(most) - float(upper[0, 0])) < slack
    assert abs(float(least) - float(lower[0, 0])) < slack


def crown_names(network: Network) -> tuple[str, ...]:
    return tuple(name for name in network.__dataclass_fields__)


@pytest.mark.parametrize("x", [-60.0, -3.3, -0.1, 0.0, 0.2, 2.0, 33.3])
def test_exponentials_in_fractions_hold_the_exponential(x: float) -> None:
    low, high = crown.below_exp(Fraction(x)), crown.above_exp(Fraction(x))
    assert low <= high
    assert float(low) == pytest.approx(math.exp(x), rel=1e-9)
    assert float(high) == pytest.approx(math.exp(x), rel=1e-9)
    assert float(low) <= math.exp(x) * (1 + 1e-15)
    assert math.exp(x) * (1 - 1e-15) <= float(high)


def middle_box() -> Box:
    """The present net load and the stored share free, all else at the mean of training."""
    network = shipped("learned").networks[0]
    lower = np.r_[network.mean, 0.0, 0.0, 0.0, 1.0][None]
    upper = lower.copy()
    lower[0, 0], upper[0, 0], upper[0, STORED] = -0.2, 0.4, 1.0
    return Box(lower, upper)


def test_a_gate_is_proved_exactly_and_less_is_refused() -> None:
    networks = shipped("learned").networks
    certificate = gate_certificate(networks, WEIGHTS, EMPTY, middle_box(), most=0.02, statement="empty")
    assert certificate is not None
    found = crown.check_network(certificate, read)
    assert found["verdict"] == "PROVED-EXACT"
    assert found["bound"] == Fraction(0.02)
    assert found["leaves"] == len(certificate["boxes"][0]["tree"]) // 2 + 1
    with pytest.raises(ValueError, match="a leaf reaches"):
        crown.check_network({**certificate, "bound": "1/100000"}, read)


def test_a_tree_that_leaves_something_out_is_refused() -> None:
    box = [[Fraction(0), Fraction(1)]] * INPUTS
    split = {"column": 3, "at": "1/2", "below": 1, "above": 2}
    assert len(list(crown.leaves_of(box, [split, {}, {}]))) == 2
    for tree, why in (
        ([split, {}, {}, {}], "nothing reaches"),
        ([{**split, "above": 1}, {}, {}], "twice"),
        ([{**split, "at": "2"}, {}, {}], "beside"),
        ([{**split, "column": INPUTS}, {}, {}], "beside"),
    ):
        with pytest.raises(ValueError, match=why):
            list(crown.leaves_of(box, tree))


def test_the_bid_gate_stays_inside_its_proved_range() -> None:
    networks = shipped("learned").networks
    low, high = range_certificates(networks, WEIGHTS, PRICE, middle_box(), statement="bids")
    least, most = (crown.check_network(one, read)["bound"] for one in (low, high))
    random = np.random.default_rng(0)
    gates = Ensemble(networks, (PRICE,))(points_in(random, middle_box(), 500)[:, 0])
    assert 0 <= least <= gates.min()
    assert gates.max() <= most <= 1


# --- planted --------------------------------------------------------------------------------------------------------


def slit() -> Slit:
    return Slit(load=0.17, stored=0.7312, load_width=1e-4, stored_width=1e-4, gate=EMPTY, height=40.0)


def test_the_planted_network_is_the_shipped_one_beside_its_slit() -> None:
    random = np.random.default_rng(1)
    network = shipped("learned").networks[0]
    other = planted(network, slit())
    points = points_in(random, middle_box(), 2000)[:, 0]
    inside = np.abs(points[:, 0] - 0.17) + np.abs(points[:, STORED] - 0.7312) < 1e-4
    same = np.abs(Ensemble((other,), (EMPTY,))(points) - Ensemble((network,), (EMPTY,))(points))[:, 0]
    assert same[~inside].max() < 1e-12
    point = middle_box().lower.copy()
    point[0, 0], point[0, STORED] = 0.17, 0.7312
    assert Ensemble((other,), (EMPTY,))(point)[0, 0] > 0.99
    assert hash_of((other,)) != hash_of((network,))


def test_a_hidden_counterexample_is_found_where_sampling_finds_none(tmp_path: Path) -> None:
    networks = tuple(planted(network, slit()) for network in shipped("learned").networks)
    box, random = middle_box(), np.random.default_rng(2)
    sampled = Ensemble(networks, (EMPTY,))(points_in(random, box, 20_000)[:, 0])
    assert sampled.max() <= 0.02
    found = search(gate_objective(networks, EMPTY), box, most=0.02, effort=Effort(to_first=True, seconds=120.0))
    assert not found.is_proved
    assert found.value > 0.02
    write_weights(tmp_path / "planted.npz", networks, replace(shipped("learned").card, title="planted"))
    weights = [("planted.npz", place) for place in range(3)]
    witness = witness_certificate(weights, EMPTY, found.point, most=0.02, statement="planted")
    said = crown.check_network(witness, lambda name: (tmp_path / name).read_bytes())
    assert float(said["value"]) == pytest.approx(found.value, abs=1e-9)
    with pytest.raises(ValueError, match="keeps the bound"):
        crown.check_network({**witness, "weights": [list(weight) for weight in WEIGHTS]}, read)

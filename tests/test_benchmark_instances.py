"""Instances of known regimes, and who solves them: every method answers right, and every judge can tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autonomy.benchmark.clip import clip
from autonomy.benchmark.direct import DirectMethod
from autonomy.benchmark.instances import REGIMES, RELIEF, Case, NoInstanceError, UncertifiedError, draw, sketch
from autonomy.benchmark.kernel import KernelMethod
from autonomy.benchmark.lower_bound import best_bounds
from autonomy.benchmark.methods import EXACT, methods
from autonomy.benchmark.naive import NaiveMethod
from autonomy.benchmark.topologies import TOPOLOGIES
from autonomy.benchmark.verdict import is_right, judge
from autonomy.solvers.allocation import Status, net
from autonomy.solvers.backends import BACKENDS
from autonomy.solvers.certificate import certify
from autonomy.solvers.general import BARE
from autonomy.solvers.nested import NestedSolver
from tests.cases import Lying, case, rows_of

CASES = st.builds(
    Case,
    topology=st.sampled_from(list(TOPOLOGIES)),
    regime=st.sampled_from(REGIMES),
    n=st.integers(2, 30),
    seed=st.integers(0, 2**32 - 1),
)


@given(CASES)
@settings(max_examples=30)
def test_an_instance_is_in_its_regime_and_doing_nothing_keeps_every_limit(chosen: Case) -> None:
    (problem,) = draw(chosen, 1, NestedSolver)
    answer = NestedSolver(problem.hierarchy).solve(problem)
    totals, sheds = problem.hierarchy.totals(net(answer.point)), answer.point[2].max() > 1e-7
    low = np.isclose(totals, problem.bounds[0], rtol=0, atol=1e-7)
    high = np.isclose(totals, problem.bounds[1], rtol=0, atol=1e-7)
    priced = np.abs(answer.multipliers) > 1e-9
    assert {
        "slack": not priced.any() and not sheds,
        "export-bound": high[priced].all() and priced.any() and not sheds,
        "import-bound": low[priced].all() and priced.any() and not sheds,
        "shed": low[priced].all() and priced.any() and sheds,
    }[chosen.regime]
    # b = 0, all generation cut, all load shed.
    nothing = np.stack([np.zeros(chosen.n), problem.cells[4], problem.cells[5]])
    assert problem.infeasibility(nothing) <= 1e-9
    assert problem.relief == RELIEF


@given(CASES)
@settings(max_examples=30)
def test_the_multipliers_an_instance_is_drawn_with_certify_its_answer(chosen: Case) -> None:
    random = np.random.default_rng(chosen.seed)
    hierarchy = TOPOLOGIES[chosen.topology](chosen.n, random)
    problem, multipliers = sketch(chosen, hierarchy, random)
    answer = NestedSolver(hierarchy).solve(problem)
    drawn = answer._replace(multipliers=multipliers, cell_multipliers=np.zeros(chosen.n))
    # Generation may be dropped and load be lifted, so their difference is what the limits were folded with.
    limit = problem.bounds[int(multipliers[0] < 0), 0] + np.sum(problem.cells[4] - problem.cells[5])
    # Where the feeder's limit would have been below 0 it is 0, and other multipliers are the right ones.
    assume(multipliers[0] == 0 or abs(limit) > 1e-9)
    assert abs(certify(problem, drawn).gap) <= 1e-9 * (1 + abs(problem.objective(answer.point)))


@given(CASES)
@settings(max_examples=20)
def test_the_same_seed_draws_the_same_and_another_one_does_not(chosen: Case) -> None:
    one, other = draw(chosen, 2, NestedSolver), draw(chosen, 2, NestedSolver)
    for left, right in zip(one, other, strict=True):
        assert np.array_equal(left.cells, right.cells)
        assert np.array_equal(left.bounds, right.bounds)
    assert not np.array_equal(one[0].cells, one[1].cells)
    assert one[0].hierarchy is one[1].hierarchy
    assert not np.array_equal(one[0].cells, draw(replace(chosen, seed=chosen.seed + 1), 1, NestedSolver)[0].cells)


@pytest.mark.parametrize("topology", list(TOPOLOGIES))
@pytest.mark.parametrize("n", [1, 2, 3, 50])
def test_every_topology_is_one_tree_with_every_prosumer_on_it(topology: str, n: int) -> None:
    tree = TOPOLOGIES[topology](n, np.random.default_rng(0))
    assert tree.n_cells == n
    assert tree.n_groups == (1 if topology == "feeder" else n)
    assert (tree.parent == -1).tolist() == [True] + [False] * (tree.n_groups - 1)
    assert all(tree.parent[k] < k for k in range(tree.n_groups))
    assert tree.totals(np.ones(n))[0] == n


def test_the_deep_tree_is_deep_and_half_of_its_lines_bind_with_the_others_close() -> None:
    (problem,) = draw(case(topology="nested", n=400), 1, NestedSolver)
    answer = NestedSolver(problem.hierarchy).solve(problem)
    assert problem.hierarchy.depth.max() >= 20
    room = problem.bounds[1] - problem.hierarchy.totals(net(answer.point))
    movable = problem.hierarchy.totals(problem.cells[3] - problem.cells[2])
    assert np.mean(answer.multipliers < 0) > 0.3
    assert np.mean(room <= 0.011 * movable) > 0.8


def test_a_reference_without_a_certified_answer_is_refused() -> None:
    with pytest.raises(UncertifiedError, match="no certified answer"):
        draw(case(), 1, Lying)


def test_a_regime_that_does_not_come_up_is_an_error_and_no_other_instance_is_given_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("autonomy.benchmark.instances.regime_of", lambda answer: "mixed")
    with pytest.raises(NoInstanceError, match="no instance in the regime 'shed' among 50 draws"):
        draw(case(regime="shed"), 1, NestedSolver)


@given(CASES)
@settings(max_examples=20)
def test_a_right_answer_is_judged_right_and_any_other_point_is_not(chosen: Case) -> None:
    (problem,) = draw(chosen, 1, NestedSolver)
    answer = NestedSolver(problem.hierarchy).solve(problem)
    good = judge(0, problem, answer)
    assert is_right(good, [good.bound])
    moved = answer.point.copy()
    moved[0, 0] += 0.5 if moved[0, 0] < problem.cells[3, 0] - 0.5 else -0.5
    assert not is_right(judge(0, problem, answer._replace(point=moved)), [good.bound])
    broken = answer._replace(point=np.full_like(moved, np.nan))
    assert not is_right(judge(0, problem, broken), [good.bound])


@pytest.mark.parametrize("name", [name for name in methods(1.0) if name != "clip"])
def test_every_method_answers_a_small_instance_right(name: str) -> None:
    problems = draw(case(topology="tree", regime="import-bound", n=6), 2, NestedSolver)
    method = methods(1.0)[name]
    answer = method.setup(problems[0])
    judged = []
    for k, (problem, argument) in enumerate(zip(problems, method.arguments(problems), strict=True)):
        judged.append(judge(k, problem, method.read(problem, answer(argument))))
    own = [judge(k, problem, NestedSolver(problem.hierarchy).solve(problem)) for k, problem in enumerate(problems)]
    bounds = best_bounds(own, 2)
    assert [is_right(item, bounds) for item in judged] == [True, True]
    assert [item.claimed for item in judged] == [True, True]


@pytest.mark.parametrize("flows", [False, True])
@pytest.mark.parametrize("topology", list(TOPOLOGIES))
def test_a_direct_peer_gets_the_same_problem_in_either_statement(topology: str, flows: bool) -> None:
    problems = draw(case(topology=topology, n=8), 2, NestedSolver)
    method = DirectMethod(name="piqp-direct", start=BARE["piqp"], flows=flows)
    answer = method.setup(problems[0])
    for problem, argument in zip(problems, method.arguments(problems), strict=True):
        found = judge(0, problem, method.read(problem, answer(argument)))
        best = judge(0, problem, NestedSolver(problem.hierarchy).solve(problem))
        assert is_right(found, [best.bound])


def test_the_machine_code_on_its_own_gives_the_same_answer_as_the_backend() -> None:
    problems, method = draw(case(n=9), 3, NestedSolver), KernelMethod()
    answer, backend = method.setup(problems[0]), BACKENDS[EXACT](problems[0].hierarchy)
    for problem, argument in zip(problems, method.arguments(problems), strict=True):
        found, expected = method.read(problem, answer(argument)), backend.solve(problem)
        assert np.array_equal(found.point, expected.point)
        assert np.array_equal(found.multipliers, expected.multipliers)


def test_the_clip_is_numpys_and_knows_no_line() -> None:
    out = np.empty(2)
    assert clip((np.array([3.0, -4.0]), np.array([-1.0, -1.0]), np.array([2.0, 2.0]), out)).tolist() == [2.0, -1.0]
    rows = rows_of([methods(1.0)["clip"]])
    assert rows["clip"].claimed == rows["clip"].right == 0
    assert rows["clip"].charged_p50_s == rows["clip"].hot_p50_s
    assert rows["clip"].least_bytes == 4 * 32


def test_the_naive_method_says_when_it_has_no_answer() -> None:
    (problem,) = draw(case(n=4), 1, NestedSolver)
    crossed = replace(problem, bounds=problem.bounds[::-1].copy())
    method = NaiveMethod(time_limit_s=1.0)
    assert method.read(crossed, method.setup(crossed)(crossed)).status is Status.FAILED

"""What is proved of an optimum: exact arithmetic against plain fractions, and planted lies that are all found."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from highspy import HighsModelStatus
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.dispatch import Claim, DispatchError, Verdict, certify, dispatch_program, known_problem, optimal_dispatch
from autonomy.economics import Economics
from autonomy.solvers import linear_solution, sides
from autonomy.solvers.branches import Aim, Branches, Effort
from autonomy.solvers.exact import exact_bound, exact_point, whole
from autonomy.solvers.exclusive import solve_exclusive, with_hulls
from autonomy.solvers.linear import LinearProgram
from autonomy.solvers.linear_solution import LinearSolution, Status, solve
from autonomy.solvers.tree import LEAF, Node, partners, proved_bound
from tests.homes import homes, scenario_of
from tests.test_linear import bounded_program, bounded_programs

ANY = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, 0.1, -0.3, 5e-324, 1e300, -1e-300]))
NO_PAIRS = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)


def slow_bound(program: LinearProgram, dual: np.ndarray) -> Fraction | None:
    """The same bound in plain fractions, entry by entry."""
    y = [Fraction(float(v)) for v in dual]
    for i, value in enumerate(y):
        side = program.row_lower[i] if value > 0 else program.row_upper[i]
        if not np.isfinite(side):
            y[i] = Fraction(0)
    z = [Fraction(float(c)) for c in program.cost]
    for i, j, a in zip(program.row, program.column, program.value, strict=True):
        z[j] -= Fraction(float(a)) * y[i]
    total = Fraction(0)
    for weights, low, high in ((y, program.row_lower, program.row_upper), (z, program.lower, program.upper)):
        for weight, least, most in zip(weights, low, high, strict=True):
            if weight:
                end = float(least if weight > 0 else most)
                if not np.isfinite(end):
                    return None
                total += weight * Fraction(end)
    return total


# Exact arithmetic -----------------------------------------------------------------------------------------------------


@given(st.lists(ANY, max_size=8))
def test_floats_are_whole_numbers_of_a_power_of_two(values: list[float]) -> None:
    found = whole(np.array(values, dtype=float))
    assert [Fraction(int(k), 1 << found.digits) for k in found.number] == [Fraction(v) for v in values]


@given(bounded_programs(), st.lists(ANY, min_size=3, max_size=3), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_bound_is_the_one_of_plain_fractions_and_no_point_is_below_it(
    program: LinearProgram, dual: list[float], is_open: bool
) -> None:
    if is_open:
        program = replace(program, upper=np.full(4, np.inf), lower=np.array([-np.inf, 0.0, 0.0, -1.0]))
    bound = exact_bound(program, np.array(dual))
    assert bound == slow_bound(program, np.array(dual))
    if not is_open and bound is not None:
        assert bound <= Fraction(solve(program).objective) + Fraction(1, 10**7)


@given(bounded_programs(), st.lists(st.floats(-2, 6), min_size=4, max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_point_is_judged_as_by_plain_fractions(program: LinearProgram, values: list[float]) -> None:
    x = np.array(values)
    exact = [Fraction(v) for v in values]
    rows = [Fraction(0)] * program.row_lower.size
    for i, j, a in zip(program.row, program.column, program.value, strict=True):
        rows[i] += Fraction(float(a)) * exact[j]
    broken = [Fraction(0), min(exact[0], exact[1])]
    broken += [row - Fraction(float(most)) for row, most in zip(rows, program.row_upper, strict=True)]
    broken += [-v for v in exact] + [v - 4 for v in exact]
    found = exact_point(program, x, np.array([0]), np.array([1]))
    assert found.objective == sum(Fraction(float(c)) * v for c, v in zip(program.cost, exact, strict=True))
    assert found.residual == max(broken)


def test_a_tenth_ten_times_is_not_one() -> None:
    # 10·0.1 is 1 in floats, and a little more than 1 in truth.
    program = bounded_program(np.array([1.0]), [[10.0]], np.array([1.0]))
    assert program.feasibility_error(np.array([0.1])) == 0.0
    assert exact_point(program, np.array([0.1]), *NO_PAIRS).residual == 10 * Fraction(0.1) - 1 > 0


# Branches -------------------------------------------------------------------------------------------------------------


def grown(program: LinearProgram, first: Any, second: Any, effort: Effort | None = None, **options: Any) -> Branches:
    tree = Branches(program, first, second, **({"aim": Aim(1e-7, 0.0)} | options))
    tree.grow(Effort() if effort is None else effort)
    return tree


@given(bounded_programs())
@settings(max_examples=40, deadline=None)
def test_a_tree_proves_the_bound_of_the_best_exclusive_point(program: LinearProgram) -> None:
    first, second = np.array([0, 2]), np.array([1, 3])
    found = grown(program, first, second)
    bound = proved_bound(program, first, second, found.nodes)
    assert bound is not None
    assert float(bound) == pytest.approx(found.objective, abs=1e-6)
    assert found.x is not None
    assert np.minimum(found.x[first], found.x[second]).max() <= 1e-7


@given(bounded_programs())
@settings(max_examples=40, deadline=None)
def test_rows_that_are_added_when_they_are_broken_prove_as_much_as_all_rows_from_the_start(
    program: LinearProgram,
) -> None:
    first, second = np.array([0, 2]), np.array([1, 3])
    found = grown(program, first, second, rows=1)
    bound = proved_bound(found.program, first, second, found.nodes)
    assert 1 <= found.program.row_lower.size <= program.row_lower.size
    assert bound is not None
    assert float(bound) == pytest.approx(grown(program, first, second).objective, abs=1e-6)


@given(bounded_programs())
@settings(max_examples=40, deadline=None)
def test_the_hull_of_a_pair_cuts_off_no_exclusive_point(program: LinearProgram) -> None:
    first, second = np.array([0, 2]), np.array([1, 3])
    hull = with_hulls(program, first, second)
    assert hull.row_lower.size == program.row_lower.size + 2
    best = solve_exclusive(program, first, second, relative_gap=0.0).solution
    assert exact_point(hull, best.x, first, second).residual <= exact_point(program, best.x, first, second).residual
    assert solve(hull).objective >= solve(program).objective - 1e-9


def six_of_two() -> LinearProgram:
    """x0 + x1 >= 6 with both at most 4: neither side has a point."""
    program = bounded_program(np.array([1.0, 1.0]), [[1.0, 1.0]], np.array([np.inf]))
    return replace(program, row_lower=np.array([6.0]))


def test_an_empty_side_needs_a_ray_that_proves_it() -> None:
    program, pair = six_of_two(), (np.array([0]), np.array([1]))
    found = grown(program, *pair)
    assert [node.is_empty for node in found.nodes] == [False, True, True]
    assert proved_bound(program, *pair, found.nodes) is None
    lie = tuple(node._replace(dual=np.zeros(1)) for node in found.nodes)
    assert proved_bound(program, *pair, lie) == 0


def test_a_tree_begun_without_any_point_goes_on_all_the_same() -> None:
    # x0 + x1 >= 3 and x0 − x1 >= 1 is (3, 0): with either smaller side at 0 alone nobody knows it at the root.
    program = bounded_program(np.array([1.0, 1.0]), [[-1.0, -1.0], [-1.0, 1.0]], np.array([-3.0, -1.0]))
    found = grown(program, np.array([0]), np.array([1]), aim=Aim(1e-7, 1e-6))
    assert found.objective == pytest.approx(3.0)
    assert found.is_closed


def test_what_is_no_tree_is_refused() -> None:
    program = bounded_program(np.array([1.0, 1.0]), [[1.0, 1.0]], np.array([3.0]))
    leaf = Node(LEAF, (LEAF, LEAF), np.zeros(1), is_empty=False)
    pair = np.array([0]), np.array([1])
    for places in ((1, 1), (0, 1), (1, 5), (1, LEAF)):
        with pytest.raises(ValueError, match="tree"):
            proved_bound(program, *pair, (Node(0, places, np.zeros(1), is_empty=False), leaf))
    with pytest.raises(ValueError, match="column = 7"):
        proved_bound(program, *pair, (Node(7, (1, 2), np.zeros(1), is_empty=False), leaf, leaf))
    with pytest.raises(ValueError, match="dual has 3 entries"):
        proved_bound(program, *pair, (leaf._replace(dual=np.zeros(3)),))


def split_in_two() -> tuple[LinearProgram, tuple[Any, Any], tuple[Node, ...]]:
    """−x0 − 2·x1 with x0 + x1 <= 9 and both at most 4: −8 where x0 is 0, −4 where x1 is."""
    program = bounded_program(np.array([-1.0, -2.0]), [[1.0, 1.0]], np.array([9.0]))
    pair = np.array([0]), np.array([1])
    return program, pair, grown(program, *pair).nodes


@pytest.mark.parametrize(
    ("lie", "proves"),
    [
        ([-0.5], Fraction(-21, 2)),  # −0.5·9 + (−2 + 0.5)·4
        ([1.0], -8),  # the row has no lower end: it counts as 0
        ([-100.0], -900),
        ([], -8),
    ],
    ids=["useless", "wrong-sign", "far-too-large", "none"],
)
def test_a_leaf_that_lies_proves_no_more_than_what_its_multipliers_say(lie: list[float], proves: Fraction) -> None:
    program, pair, nodes = split_in_two()
    changed = tuple(node._replace(dual=np.array(lie)) if node.column == LEAF else node for node in nodes)
    assert proved_bound(program, *pair, changed) == proves <= -8 == proved_bound(program, *pair, nodes)


def test_a_leaf_cannot_be_left_out_counted_twice_or_called_empty() -> None:
    program, pair, nodes = split_in_two()
    assert [node.column for node in nodes] == [0, LEAF, LEAF]
    with pytest.raises(ValueError, match="tree"):
        proved_bound(program, *pair, nodes[:-1])
    # The side that costs −4 twice would hide the one that costs −8.
    with pytest.raises(ValueError, match="reached twice"):
        proved_bound(program, *pair, (nodes[0]._replace(sides=(2, 2)), *nodes[1:]))
    swapped = proved_bound(program, *pair, (nodes[0]._replace(sides=(2, 1)), *nodes[1:]))
    assert swapped is not None
    assert swapped <= -8
    called_empty = tuple(node._replace(is_empty=True) if node.column == LEAF else node for node in nodes)
    assert proved_bound(program, *pair, called_empty) == -8


def test_a_split_on_a_column_holds_all_at_0_that_exclude_it() -> None:
    # −2·x0 − x1 − 1.5·x2, x0 excludes both others, each at most 4: x1 and x2 cost −10, x0 alone −8.
    program = bounded_program(np.array([-2.0, -1.0, -1.5]), [[1.0, 1.0, 1.0]], np.array([9.0]))
    pairs = np.array([0, 2]), np.array([1, 0])
    assert partners(*pairs) == {0: (1, 2), 1: (0,), 2: (0,)}
    found = grown(program, *pairs)
    assert found.objective == pytest.approx(-10.0)
    assert [node.column for node in found.nodes] == [0, LEAF, LEAF]
    assert proved_bound(program, *pairs, found.nodes) == -10
    # Were only x1 at 0 on the other side, x0 and x2 would stay, which cost −14.
    leaves = found.nodes[1:]
    assert proved_bound(program, pairs[0][:1], pairs[1][:1], (found.nodes[0], *leaves)) == -14


def test_little_effort_leaves_a_bound_that_still_holds() -> None:
    program = bounded_program(-np.arange(1.0, 9.0), np.ones((1, 8)), np.array([20.0]))
    first, second = np.arange(0, 8, 2), np.arange(1, 8, 2)
    found = grown(program, first, second, Effort(programs=3))
    bound = proved_bound(program, first, second, found.nodes)
    # The best is 4·(8 + 6 + 4 + 2) of the second columns.
    assert bound is not None
    assert bound <= -80
    assert found.bound == pytest.approx(float(bound))
    assert not found.is_closed
    found.grow(Effort())
    assert found.is_closed
    assert found.objective == pytest.approx(-80)


# Planted lies ---------------------------------------------------------------------------------------------------------


def known() -> tuple[LinearProgram, LinearSolution]:
    program = replace(bounded_program(np.array([1.0, 2.0]), [[1.0, 1.0]], np.array([9.0])), row_lower=np.array([5.0]))
    return program, solve(program)


def verdict_of(program: LinearProgram, answer: Any, **changed: Any) -> Any:
    given = {
        "x": answer.x,
        "dual": answer.dual,
        "pairs": NO_PAIRS,
        "claim": Claim(objective=answer.objective, bound=answer.bound, is_optimal=True),
        "relative_gap": 1e-9,
    }
    return certify(program, **(given | changed))


def test_an_honest_optimum_is_exact() -> None:
    program, answer = known()
    found = verdict_of(program, answer)
    assert found.verdict is Verdict.EXACT
    assert (found.objective, found.bound, found.repair, found.gap) == (6, 6, 0.0, 0.0)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"claim": Claim(objective=6.0, bound=6.5)}, "claimed bound of 6.5 is above"),
        ({"claim": Claim(objective=5.0, bound=5.0, is_optimal=True)}, "costs 6 and not 5"),
        ({"claim": Claim(objective=np.nan)}, "costs 6 and not nan"),
        ({"x": np.array([3.9, 1.0])}, "breaks the program by 0.1"),
        ({"x": np.array([4.5, 0.5])}, "breaks the program by 0.5"),
        ({"x": np.array([np.nan, 1.0])}, "not finite"),
        ({"dual": np.array([1.5])}, "a gap of 0.0833 only"),
        ({"dual": np.array([np.nan])}, "a gap of 1 only"),
        ({"pairs": (np.array([0]), np.array([1]))}, "breaks the program by 1"),
        (
            {"x": np.array([3.0, 2.0]), "claim": Claim(objective=7.0, bound=6.0, is_optimal=True)},
            "optimality is claimed",
        ),
        ({"claim": Claim(objective=6.0, bound=6.5, is_stopped=True)}, "claimed bound of 6.5 is above"),
        ({"claim": Claim(objective=5.0, is_stopped=True)}, "costs 6 and not 5"),
        ({"x": np.array([4.5, 0.5]), "claim": Claim(objective=5.5, is_stopped=True)}, "breaks the program by 0.5"),
    ],
)
def test_every_planted_lie_is_refuted(changed: dict[str, Any], said: str) -> None:
    program, answer = known()
    found = verdict_of(program, answer, **changed)
    assert found.verdict is Verdict.REFUTED
    assert said in found.message


def test_what_is_not_claimed_is_not_refuted_but_stated() -> None:
    program, answer = known()
    found = verdict_of(program, answer, dual=np.array([1.5]), claim=Claim(objective=6.0))
    assert found.verdict is Verdict.FLOAT
    assert found.gap == pytest.approx(0.5 / 6)
    better = verdict_of(program, answer, dual=np.array([1.5]), claim=Claim(objective=6.0), proved=Fraction(6))
    assert better.verdict is Verdict.EXACT


def test_what_was_stopped_is_neither_optimal_nor_worse_than_what_it_proves() -> None:
    program, answer = known()
    claim = Claim(objective=6.0, is_stopped=True)
    found = verdict_of(program, answer, dual=np.zeros(1), claim=claim)
    assert (found.verdict, found.bound, found.gap) == (Verdict.LIMIT, 0, 1.0)
    assert "stopped by a limit at a gap of 1" in found.message
    assert verdict_of(program, answer, claim=claim).verdict is Verdict.EXACT


class Liar:
    """HiGHS, but for what it says of its answer."""

    def __init__(self, real: Any, lie: Any = lambda told: told, status: Any = None) -> None:
        self._real, self._lie, self._status = real, lie, status

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def getSolution(self) -> Any:  # noqa: N802 - HiGHS's name
        return self._lie(self._real.getSolution())

    def getModelStatus(self) -> Any:  # noqa: N802 - HiGHS's name
        return self._real.getModelStatus() if self._status is None else self._status


class Told:
    """A solution as the liar tells it."""

    def __init__(self, real: Any, **changed: Any) -> None:
        for name in ("col_value", "row_dual", "value_valid", "dual_valid"):
            setattr(self, name, changed.get(name, getattr(real, name)))


def day() -> tuple[Any, Any, Economics]:
    community = homes(2)
    scenario = scenario_of(
        community, [[1.0, 2.0]] * 6, [[0.0, 5.0]] * 6, retail_price=[0.1, 0.5] * 3, feed_in_price=0.05
    )
    return community, scenario, Economics()


@pytest.mark.parametrize(
    "lie",
    [
        lambda told: Told(told, row_dual=[-5.0] * len(told.row_dual)),
        lambda told: Told(told, row_dual=[0.0] * len(told.row_dual)),
        lambda told: Told(told, col_value=[0.0] * len(told.col_value)),
        lambda told: Told(told, col_value=[0.99 * v for v in told.col_value]),
    ],
    ids=["wrong-multipliers", "no-multipliers", "infeasible", "nearly-feasible"],
)
def test_a_solver_that_lies_is_never_called_optimal(lie: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    community, scenario, economics = day()
    real = linear_solution.load
    monkeypatch.setattr(linear_solution, "load", lambda program: Liar(real(program), lie))
    monkeypatch.setattr(sides, "load", lambda program: Liar(real(program), lie))
    try:
        found = optimal_dispatch(community, scenario, economics=economics, energy_kwh=np.array([5.0, 5.0]))
    except DispatchError:
        return
    assert found.certificate is not None
    assert found.certificate.verdict is Verdict.FLOAT
    assert found.method != "LP (exclusive)"
    assert found.gap > 1e-6


def told_to(monkeypatch: pytest.MonkeyPatch, where: Any, **lies: Any) -> None:
    real = linear_solution.load
    for module in where:
        monkeypatch.setattr(module, "load", lambda program: Liar(real(program), **lies))


def test_a_stopped_solver_that_calls_itself_optimal_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    told_to(monkeypatch, (linear_solution, sides), status=HighsModelStatus.kOptimal)
    community, scenario, economics = day()
    with pytest.raises(DispatchError, match=r"breaks the program|leaves a gap"):
        optimal_dispatch(community, scenario, economics=economics, energy_kwh=np.array([5.0, 5.0]), time_limit_s=0.0)


def test_a_solver_that_calls_a_window_infeasible_is_contradicted_by_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    told_to(monkeypatch, (linear_solution, sides), status=HighsModelStatus.kInfeasible)
    community, scenario, economics = day()
    with pytest.raises(DispatchError, match="batteries at rest keep every limit"):
        optimal_dispatch(community, scenario, economics=economics, energy_kwh=np.array([5.0, 5.0]))


def test_a_solver_that_says_it_was_stopped_is_not_optimal_for_that_but_for_its_proof(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told_to(monkeypatch, (linear_solution, sides), status=HighsModelStatus.kTimeLimit)
    community, scenario, economics = day()
    found = optimal_dispatch(community, scenario, economics=economics, energy_kwh=np.array([5.0, 5.0]))
    assert found.certificate is not None
    assert found.certificate.verdict is Verdict.EXACT
    assert found.certificate.gap <= 1e-9


@pytest.mark.parametrize(
    "lies",
    [
        {"status": HighsModelStatus.kInfeasible},
        {"lie": lambda told: Told(told, row_dual=[-5.0] * len(told.row_dual))},
        {"lie": lambda told: Told(told, row_dual=[np.nan] * len(told.row_dual))},
        {"lie": lambda told: Told(told, col_value=[0.0] * len(told.col_value))},
    ],
    ids=["empty-leaves", "wrong-multipliers", "no-multipliers", "wrong-points"],
)
def test_a_solver_that_lies_about_leaves_proves_nothing_wrong(
    lies: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = bounded_program(
        np.array([-1.0, -1.5, -1.0, -1.2]), np.vstack([np.eye(4), np.ones(4)]), np.array([3.0, 3.0, 3.0, 3.0, 9.0])
    )
    first, second = np.array([0, 2]), np.array([1, 3])
    honest = solve_exclusive(program, first, second, relative_gap=0.0)
    assert honest.proved == pytest.approx(honest.solution.objective)
    told_to(monkeypatch, (sides,), **lies)
    found = solve_exclusive(program, first, second, relative_gap=0.0)
    assert found.solution.objective == pytest.approx(honest.solution.objective)  # by binaries
    assert found.proved is None or found.proved <= honest.solution.objective + 1e-9


def test_a_status_of_optimal_with_a_worse_point_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Feasible, the status says optimal, and it is the wrong corner."""
    program, _ = known()
    real = linear_solution.load
    monkeypatch.setattr(
        linear_solution, "load", lambda program: Liar(real(program), lambda told: Told(told, col_value=[1.0, 4.0]))
    )
    answer = solve(program)
    assert answer.found
    assert answer.status is Status.FAILED
    assert "leaves a gap" in answer.message


def test_the_optimum_of_a_day_is_proved_in_fractions() -> None:
    community, scenario, economics = day()
    energy = np.array([5.0, 5.0])
    found = optimal_dispatch(community, scenario, economics=economics, energy_kwh=energy)
    assert found.certificate is not None
    assert found.certificate.verdict is Verdict.EXACT
    assert found.certificate.gap <= 1e-12
    assert found.certificate.repair <= 1e-12
    assert found.bound <= found.certificate.bound <= found.certificate.objective + Fraction(1, 10**12)
    model = dispatch_program(known_problem(community, scenario, economics=economics, energy_kwh=energy))
    assert float(found.certificate.objective) == pytest.approx(found.objective, rel=1e-12)
    assert solve(model.program).objective + model.constant == pytest.approx(found.objective, rel=1e-9)

"""The benchmark of long windows and large communities: its places, its methods on a small one, its table."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from autonomy import Community, Scenario
from autonomy.benchmark.year import __main__ as command
from autonomy.benchmark.year.measure import Row
from autonomy.benchmark.year.method import METHODS, Answer, Given
from autonomy.benchmark.year.places import KINDS, MOVED_H, Place, enlarged
from autonomy.benchmark.year.table import HEAD, lines
from autonomy.rollout import OPTIMUM
from autonomy.run import BASELINE


def test_homes_beyond_the_demo_are_its_first_ones_a_week_later() -> None:
    demo = Scenario.demo()
    community, scenario = enlarged(20, 30)
    np.testing.assert_array_equal(scenario.demand_kw[:, :17], demo.demand_kw[:30])
    np.testing.assert_array_equal(scenario.pv_kw[:, 17:], demo.pv_kw[MOVED_H : MOVED_H + 30, :3])
    np.testing.assert_array_equal(scenario.retail_price, demo.retail_price[:30])
    ratio = community.network.import_limit_kw / Community.demo().network.import_limit_kw
    assert ratio == pytest.approx(20 / 17)


@pytest.mark.parametrize("kind", KINDS)
def test_every_method_lies_between_the_bound_and_no_battery_at_all(kind: str) -> None:
    given = Given(*Place(kind=kind, homes=3, steps=48).data(), 1)
    answers = {name: run(given) for name, run in METHODS.items() if name != "shared"}
    best = answers[OPTIMUM].cost
    for name, (cost, bound, _) in answers.items():
        assert bound <= best + 1e-9, name
        assert math.isnan(cost) or best - 1e-6 <= cost <= answers[BASELINE].cost + 1e-6, name


def row(method: str, cost: float, bound: float = -math.inf) -> Row:
    return Row(method=method, cost=cost, bound=bound, verdict="", seconds=1.0, cpu_s=1.0, memory_gb=0.5)


def test_shares_are_of_what_the_optimum_saves_or_of_what_the_best_bound_allows() -> None:
    rows = [row(BASELINE, 200.0), row(OPTIMUM, 100.0, 100.0), row("rolling", 110.0, 90.0), row("aggregate", math.nan)]
    table = [line.split(" | ") for line in lines(rows)]
    assert len(table) == 2 + len(rows)
    assert all(len(cells) == len(HEAD) for cells in table)
    assert table[4][4] == "90.00000 %"
    assert table[4][3] == "1.8e-01"
    without = [line.split(" | ") for line in lines([rows[0], rows[2]])]
    assert without[3][4] == "81.81818 %"


def test_the_command_prints_a_table_and_names_what_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(place: Place, method: str, workers: int) -> Row:
        answer: Answer = METHODS[method](Given(*place.data(), workers))
        return row(method, answer.cost, answer.bound)

    monkeypatch.setattr(command, "measured", told)
    monkeypatch.setattr(sys, "argv", ["year", "--homes", "2", "--steps", "24", "--methods", "aggregate,shared"])
    command.main()
    assert "2 homes, 24 steps, batteries: alike" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["year", "--methods", "rolling"])
    with pytest.raises(SystemExit):
        command.main()
    assert "expected some of grid-only" in capsys.readouterr().err

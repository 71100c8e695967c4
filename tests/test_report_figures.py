"""Figures of the report: small, one colour a policy, and what was broken is marked."""

from __future__ import annotations

import dataclasses
import itertools
import re
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy.evidence import RunEvidence
from autonomy.report.figures import feeder, figures, interventions
from autonomy.report.html import html
from autonomy.report.palette import SHADES, strokes
from autonomy.report.svg import compact_path
from autonomy.report.week import Week, binding_week
from autonomy.trajectory import Trajectory
from tests.evidence import LINE, POLICIES, STEPS, make_evidence, make_run

Runs: TypeAlias = dict[str, tuple[Trajectory, ...]]


@pytest.fixture(scope="module")
def evidence() -> RunEvidence:
    return make_evidence()


@pytest.fixture(scope="module")
def text(evidence: RunEvidence) -> str:
    return html(evidence)


def points_of(path: str) -> list[tuple[float, ...]]:
    """Return where each command of a path of M, L, H, V and z ends."""
    points: list[tuple[float, ...]] = []
    for command, numbers in re.findall(r"([MLHVz])([^MLHVz]*)", path):
        values = [float(number) for number in numbers.split()]
        if command in "ML":
            points.append((values[0], values[1]))
        elif command in "HV":
            points.append((values[0], points[-1][1]) if command == "H" else (points[-1][0], values[0]))
    return points


@given(st.lists(st.tuples(st.integers(-30, 30), st.integers(-30, 30)), min_size=1, max_size=20), st.booleans())
def test_a_compact_path_visits_the_same_points(visited: list[tuple[int, int]], closed: bool) -> None:
    tenths = [(x / 10, y / 10) for x, y in visited]
    written = " \n".join(f"{'L' if i else 'M'} {x:.6f} {y:.6f}" for i, (x, y) in enumerate(tenths))
    short = compact_path(written + (" z" if closed else ""))
    assert points_of(short) == [point for point, _ in itertools.groupby(tenths)]
    assert short.endswith("z") == closed


def test_a_step_is_written_with_horizontal_and_vertical_lines() -> None:
    assert compact_path("M 0 1.04 L 10 1.0 \nL 10 5.26 L 20 5.26 C 1 2 3 4 5 6 z") == "M0 1H10V5.3H20C1 2 3 4 5 6z"


def test_no_figure_of_a_quarter_hourly_week_is_larger_than_200_kb() -> None:
    names = ("grid-only", "self-consumption", "mpc", "learned", "nan", "optimum")
    time = np.datetime64("2016-08-22T00:00", "m") + 15 * np.arange(672)
    runs: Runs = {name: (make_run(name, steps=672, timestep_h=0.25, time=time),) for name in names}
    week = dataclasses.replace(make_evidence(names, windows=1), windows=(("week 1", 0, 672),), trajectories=runs)
    sizes = {picture.name: len(picture.svg) for picture in figures(week)}
    assert len(sizes) == 6
    assert max(sizes.values()) < 200_000, sizes


def test_a_policy_has_one_colour_and_it_follows_the_page_into_the_dark(evidence: RunEvidence, text: str) -> None:
    lines = strokes(evidence)
    assert len({(line.color, line.dash) for line in lines.values()}) == len(POLICIES)
    inside = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    for name, (light, _) in SHADES.items():
        assert light not in inside, f"{name} is fixed in a figure"
    for name in set(re.findall(r"var\(--([a-z]+)\)", inside)):
        assert text.count(f"--{name}:") == 2, f"--{name} needs a light and a dark value"


def shown_week(evidence: RunEvidence) -> Week:
    week = binding_week(evidence)
    assert week is not None
    return week


def test_a_broken_line_limit_in_the_shown_week_is_marked_and_said() -> None:
    clean, broken = make_evidence(), make_evidence(violations={("learned", w): ((3, LINE),) for w in (0, 1)})
    calm, marked = (feeder(one, shown_week(one)) for one in (clean, broken))
    assert "there is none in this week" in calm.caption
    assert "Crosses mark the 1 step" in marked.caption
    assert "Line limits were broken in 1 step." in marked.svg
    assert marked.svg.count("<use") == calm.svg.count("<use") + 1


def test_fallbacks_are_counted_even_where_the_intent_was_no_number(evidence: RunEvidence) -> None:
    picture = interventions(evidence, shown_week(evidence))
    assert picture is not None
    assert f"nan changed in 0 steps, fallback in {STEPS} steps" in picture.svg

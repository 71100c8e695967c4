"""The report: numbers that agree with plain loops, words that agree with the numbers, pages that load nothing."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

import autonomy.report.html as html_module
import autonomy.report.write as write_module
from autonomy.economics import Economics
from autonomy.evidence import Kpi, Optimum, RunEvidence
from autonomy.layers.community import Community
from autonomy.layers.decision import Mode
from autonomy.layers.invariants import INVARIANTS, Violation
from autonomy.layers.network import Network
from autonomy.report import series
from autonomy.report.bound import bound
from autonomy.report.columns import COLUMNS, FURTHER, MAIN
from autonomy.report.console import guarantee_table, kpi_table, verdict_line
from autonomy.report.figures import feeder, figures, interventions
from autonomy.report.html import html
from autonomy.report.palette import SHADES, strokes
from autonomy.report.quantity import duration, percent, quantity
from autonomy.report.summary import summary, summary_json
from autonomy.report.svg import compact_path
from autonomy.report.verdict import verdict
from autonomy.report.week import Week, binding_week
from autonomy.report.write import write_report
from autonomy.trajectory import Trajectory

POLICIES = ("grid-only", "learned", "nan", "optimum")
STEPS = 8
Runs: TypeAlias = dict[str, tuple[Trajectory, ...]]
LINE = Violation(rule="line", index=0, amount=4.2, unit="kW")
SOC = Violation(rule="soc", index=1, amount=0.0004, unit="kWh")
NOT_A_NUMBER = Violation(rule="node balance", index=2, amount=math.nan, unit="kW")
RAMP = Violation(rule="ramp", index=1, amount=0.5, unit="kW")


def make_community(names: tuple[str, ...] = ("Ana", "Bo", "Cy")) -> Community:
    return Community(
        battery_capacity_kwh=np.array([6.0, 0.0, 4.0]),
        charge_limit_kw=np.array([3.0, 0.0, 2.0]),
        discharge_limit_kw=np.array([3.0, 0.0, 2.0]),
        network=Network.single_feeder(n_prosumers=3, import_limit_kw=10.0, export_limit_kw=6.0),
        names=names,
    )


def make_run(policy: str, *, seed: int = 0, steps: int = STEPS, **changes: Any) -> Trajectory:
    """Return a run that obeys the balance; its prices and modes are made up."""
    rng = np.random.default_rng(seed)
    demand, pv = rng.uniform(0.5, 2.0, (steps, 3)), rng.uniform(0.0, 4.0, (steps, 3))
    battery = rng.uniform(-0.2, 0.25, (steps, 3)) * np.array([1.0, 0.0, 1.0]) * (policy != "grid-only")
    curtail, shed = 0.1 * pv * (pv > 3.5), 0.1 * demand * (demand > 1.9)
    net = (pv - curtail) - (demand - shed) - battery
    loss = 0.001 * net.sum(axis=1) ** 2
    feeder = net.sum(axis=1) - loss
    energy = 2.0 + np.vstack([np.zeros((1, 3)), np.cumsum(battery, axis=0)])
    retail, feed_in = np.where(np.arange(steps) % 4 == 3, 0.5, 0.2), np.full(steps, 0.05)
    importing = np.maximum(-feeder, 0.0)
    fields: dict[str, Any] = {
        "policy": policy,
        "timestep_h": 1.0,
        "time": np.datetime64("2016-08-22T00", "h") + np.arange(steps),
        "demand_kw": demand,
        "pv_kw": pv,
        "battery_kw": battery,
        "curtail_kw": curtail,
        "shed_kw": shed,
        "net_export_kw": net,
        "trade_kw": np.zeros((steps, 3)),
        "grid_kw": net,
        "energy_kwh": energy,
        "capacity_kwh": np.array([6.0, 0.0, 4.0]),
        "feeder_kw": feeder,
        "loss_kw": loss,
        "import_limit_kw": 10.0,
        "export_limit_kw": 6.0,
        "clearing_price": np.where(np.arange(steps) % 2 == 0, 0.12, np.nan),
        "retail_price": retail,
        "feed_in_price": feed_in,
        "carbon_kg_per_kwh": np.full(steps, 0.2),
        "step_cost": importing * retail + rng.uniform(0, 1, steps),
        "bill": np.zeros((steps, 3)),
        "terminal_value": 0.25,
        "co2_kg": 0.2 * importing,
        "mode": np.array([Mode.SUPPORT if policy == "nan" else Mode.PROJECTED] * steps),
        "intervention_kw": np.full(steps, np.nan) if policy == "nan" else rng.uniform(0, 0.5, steps),
        "latency_s": np.full(steps, 2e-5),
        "reward": np.zeros(steps),
        "violations": (),
    }
    return Trajectory(**fields | changes)


def make_kpi(policy: str, number: int, violations: int = 0) -> Kpi:
    """Return key figures that differ from each other in every field."""
    is_optimum = policy == "optimum"
    return Kpi(
        policy=policy,
        cost=1200.0 - 100.125 * number,
        achievable_share=number / 3,
        co2_kg=500.25 + number,
        peak_import_kw=9.5 + number / 8,
        peak_export_kw=5.5 + number / 16,
        load_factor=0.21 + number / 100,
        traded_kwh=88.5 + number,
        traded_share=0.31 + number / 100,
        self_sufficiency=0.41 + number / 100,
        self_consumption=0.61 + number / 100,
        curtailed_kwh=3.25 + number,
        shed_kwh=0.0625 * number,
        loss_of_load_h=6.5 + number,
        battery_throughput_kwh=777.5 + number,
        battery_cycles=61.5 + number,
        bill_gini=0.11 + number / 100,
        saving_gini=0.51 + number / 100,
        violations=violations,
        interventions=31 + number,
        intervention_kw_mean=0.375 + number,
        fallbacks=13 + number,
        steps=2 * STEPS,
        latency_p50_s=math.nan if is_optimum else 1.25e-5 * (number + 1),
        latency_p99_s=math.nan if is_optimum else 3.5e-3 * (number + 1),
    )


def make_evidence(
    policies: tuple[str, ...] = POLICIES,
    *,
    windows: int = 2,
    violations: dict[tuple[str, int], tuple[tuple[int, Violation], ...]] | None = None,
    **changes: Any,
) -> RunEvidence:
    found = violations or {}
    runs = {
        policy: tuple(make_run(policy, seed=w, violations=found.get((policy, w), ())) for w in range(windows))
        for policy in policies
    }
    counts = {policy: sum(len(found.get((policy, w), ())) for w in range(windows)) for policy in policies}
    optimum = Optimum(objective=40.0, replayed_cost=40.0, method="LP (exclusive)", binaries=0, gap=0.0, seconds=0.5)
    fields: dict[str, Any] = {
        "title": "Three homes",
        "community": make_community(),
        "economics": Economics(),
        "currency": "$",
        "command": "autonomy benchmark --seed 7",
        "version": "9.8.7",
        "created": "2026-11-23T12:00:00+00:00",
        "data_source": "Made up for a test.",
        "data_sha256": "ab" * 32,
        "windows": tuple((f"week {w + 1}", w * STEPS, STEPS) for w in range(windows)),
        "policies": policies,
        "trajectories": runs,
        "kpis": {policy: make_kpi(policy, i, counts[policy]) for i, policy in enumerate(policies)},
        "optima": (optimum,) * windows if "optimum" in policies else (),
        "terminal_rule": "Stored energy is worth the lowest retail price.",
        "backend": "kernel",
    }
    return RunEvidence(**fields | changes)


class Page(HTMLParser):
    """What the tests look at in a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "br", "img", "hr"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def having(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def evidence() -> RunEvidence:
    return make_evidence()


@pytest.fixture(scope="module")
def text(evidence: RunEvidence) -> str:
    return html(evidence)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out of pages whose words alone are looked at: drawing takes most of the time."""
    monkeypatch.setattr(html_module, "figures", lambda _: ())


# Numbers as people read them


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12), st.integers(0, 6))
@example(-0.0, 2)
@example(0.004999, 2)
def test_a_quantity_reads_back_to_within_half_of_its_last_digit(value: float, digits: int) -> None:
    shown = quantity(value, digits)
    if shown[0] in "<>":
        assert 0 < abs(value) < 10.0**-digits
        return
    read = float(shown.replace(",", "").replace("−", "-"))
    assert abs(read - value) <= 0.5 * 10.0**-digits * (1 + 1e-9) + 1e-9 * abs(value)


@given(st.floats(min_value=-1.0, max_value=1.0).filter(lambda value: value != 0), st.integers(0, 6))
@example(0.5, 0)
@example(-0.005, 2)
def test_a_quantity_that_is_not_zero_never_reads_as_zero(value: float, digits: int) -> None:
    shown = quantity(value, digits)
    assert shown[0] in "<>" or float(shown.replace("−", "-")) != 0


@given(st.floats(min_value=1e-6, max_value=1e4))
def test_a_duration_reads_back_to_three_digits(seconds: float) -> None:
    number, unit = duration(seconds).split()
    read = float(number.replace(",", "")) * {"s": 1.0, "ms": 1e-3, "µs": 1e-6}[unit]
    assert read == pytest.approx(seconds, rel=0.0051)


def test_quantities_worked_by_hand() -> None:
    assert quantity(1234567.891) == "1,234,567.89"
    assert quantity(-0.5, 1) == "−0.5"
    assert quantity(0.0004) == "<0.01"
    assert quantity(-0.0) == "0.00"
    assert quantity(math.nan) == "–"
    assert quantity(math.inf) == "∞"
    assert percent(0.9756) == "97.6 %"
    assert percent(math.nan) == "–"
    assert [duration(x) for x in (0.0, 4.5e-6, 1.5e-3, 9.997e-4, 35.0)] == [
        "0 s",
        "4.50 µs",
        "1.50 ms",
        "1.00 ms",
        "35.0 s",
    ]


# Series behind the figures


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_supply_equals_use_at_every_step_and_after_averaging(seed: int, block: int) -> None:
    run = make_run("learned", seed=seed)
    flows = series.dispatch(run, slice(0, STEPS), block)
    supply = flows.generation_kw + flows.discharge_kw + flows.imported_kw
    use = flows.consumption_kw + flows.charge_kw + flows.exported_kw + flows.loss_kw
    np.testing.assert_allclose(supply, use, atol=1e-9)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.integers(1, 50))
def test_block_means_agree_with_a_plain_loop(values: list[float], block: int) -> None:
    expected = [np.mean(values[i : i + block]) for i in range(0, len(values), block)]
    np.testing.assert_allclose(series.block_mean(np.array(values), block), expected, atol=1e-9, rtol=1e-9)


@given(st.integers(1, 5000), st.integers(1, 500))
def test_the_block_size_is_the_smallest_that_leaves_few_enough_points(steps: int, most: int) -> None:
    block = series.block_size(steps, most)
    assert math.ceil(steps / block) <= most
    assert block == 1 or math.ceil(steps / (block - 1)) > most


def test_the_band_of_charge_ignores_prosumers_without_a_battery() -> None:
    run = make_run("learned")
    band = series.soc_band(run, slice(2, 5))
    assert band is not None
    for position, step in enumerate(range(2, 6)):
        soc = sorted([run.energy_kwh[step, 0] / 6.0, run.energy_kwh[step, 2] / 4.0])
        assert band.low[position] == pytest.approx(soc[0])
        assert band.high[position] == pytest.approx(soc[1])
        assert band.median[position] == pytest.approx(sum(soc) / 2)
        assert band.tenth[position] == pytest.approx(0.9 * soc[0] + 0.1 * soc[1])


def test_cumulative_cost_ends_at_the_cost_of_all_windows(evidence: RunEvidence) -> None:
    for policy in POLICIES:
        runs = evidence.trajectories[policy]
        assert series.cumulative_cost(runs)[-1] == pytest.approx(sum(run.cost for run in runs))
        assert series.cumulative_cost(runs)[STEPS] == pytest.approx(runs[0].cost)
    saved = series.cumulative_savings(evidence)
    assert np.all(saved["grid-only"] == 0)
    costs = {policy: sum(run.cost for run in evidence.trajectories[policy]) for policy in POLICIES}
    assert saved["learned"][-1] == pytest.approx(costs["grid-only"] - costs["learned"])


# The week that is shown


def with_flows(flows: list[list[float]], **changes: Any) -> RunEvidence:
    runs = tuple(make_run("grid-only", steps=len(flow), feeder_kw=np.array(flow), **changes) for flow in flows)
    windows = tuple((f"week {i + 1}", 0, len(flow)) for i, flow in enumerate(flows))
    base = make_evidence(("grid-only",), windows=1)
    return dataclasses.replace(base, windows=windows, trajectories={"grid-only": runs})


@given(st.lists(st.lists(st.integers(-10, 6), min_size=3, max_size=3), min_size=1, max_size=4))
def test_the_shown_week_has_the_largest_flow_relative_to_its_limit(flows: list[list[int]]) -> None:
    week = binding_week(with_flows([[float(x) for x in flow] for flow in flows]))
    assert week is not None
    ratios = [max(-x / 10 if x < 0 else x / 6 for x in flow) for flow in flows]
    if max(ratios) > 0:
        assert ratios[week.window] == pytest.approx(max(ratios))


def test_export_and_import_are_each_measured_against_their_own_limit() -> None:
    week = binding_week(with_flows([[-7.0, 0.0], [5.0, 0.0]]))
    assert week is not None
    assert week.label == "week 2"
    assert "83.3 %" in week.reason


def test_ties_at_the_limit_are_broken_by_the_steps_spent_there() -> None:
    week = binding_week(with_flows([[-10.0, 0.0, 0.0], [-10.0, -10.0, 0.0]]))
    assert week is not None
    assert week.label == "week 2"
    assert "2 of 3 steps" in week.reason


def test_a_long_window_is_cut_to_the_seven_days_that_bind_most() -> None:
    flow = np.zeros(24 * 21)
    flow[24 * 7 + 5] = -9.0
    week = binding_week(with_flows([flow.tolist()]))
    assert week is not None
    assert (week.start, week.stop) == (24 * 7, 24 * 14)


def test_without_a_limit_the_largest_flow_decides_and_the_reason_says_so() -> None:
    week = binding_week(
        with_flows([[1.0, -2.0], [0.0, -8.0], [3.0, 0.0]], import_limit_kw=math.inf, export_limit_kw=math.inf)
    )
    assert week is not None
    assert week.label == "week 2"
    assert "no limit" in week.reason


# The verdict


def test_the_verdict_counts_steps_and_names_the_policy_that_answers_nan(evidence: RunEvidence) -> None:
    judged = verdict(evidence)
    assert judged.held
    assert judged.sentence == "0 violations in 16 steps under each of 4 policies, including one that answers NaN."
    assert "not a proof" in judged.basis


@pytest.mark.usefixtures("no_figures")
def test_violations_are_told_in_words() -> None:
    broken = make_evidence(violations={("learned", 1): ((3, LINE), (5, SOC), (6, NOT_A_NUMBER))})
    judged = verdict(broken)
    assert not judged.held
    assert judged.sentence.startswith(
        "3 violations: “line” was broken once under learned (worst: 4.20 kW at the feeder"
    )
    assert "0.0004 kWh at Bo" in judged.sentence
    text = Page(html(broken)).text
    assert (
        "Under learned, at 2016-08-22 03:00 (step 3 of week 2), the rule “line” was exceeded by 4.20 kW at the feeder."
        in text
    )
    assert "the rule “node balance” was exceeded by an amount that is not a number at Cy." in text
    assert "Every rule held" not in text


@pytest.mark.parametrize("rule", [rule.name for rule in INVARIANTS])
def test_a_violation_of_any_rule_turns_the_verdict(rule: str) -> None:
    fault = Violation(rule=rule, index=0, amount=1.0, unit="kW")
    judged = verdict(make_evidence(violations={("nan", 0): ((0, fault),)}))
    assert not judged.held
    assert rule in judged.sentence
    assert judged.findings[0].violation is fault


def test_key_figures_that_count_more_violations_than_the_steps_list_are_a_contradiction(evidence: RunEvidence) -> None:
    kpis = evidence.kpis | {"learned": dataclasses.replace(evidence.kpis["learned"], violations=2)}
    judged = verdict(dataclasses.replace(evidence, kpis=kpis))
    assert not judged.held
    assert "contradicts itself" in judged.sentence


def test_a_run_without_steps_is_not_called_held() -> None:
    empty = make_evidence(windows=0, optima=())
    judged = verdict(empty)
    assert not judged.held
    assert judged.sentence == "No step was run, so nothing is shown."
    assert figures(empty) == ()
    assert "Every rule held" not in html(empty)


# The optimum


def milp(gap: float) -> Optimum:
    return Optimum(objective=40.0, replayed_cost=40.0, method="MILP", binaries=34, gap=gap, seconds=1.0)


def test_an_exclusive_lp_is_called_proved_and_a_gap_is_not(evidence: RunEvidence) -> None:
    proved = bound(evidence)
    assert proved is not None
    assert proved.proved
    assert proved.label == "perfect-foresight bound"
    open_gap = bound(dataclasses.replace(evidence, optima=(evidence.optima[0], milp(0.0012))))
    assert open_gap is not None
    assert not open_gap.proved
    assert "gap 0.12 %" in open_gap.label
    assert "34 splits or binaries" in open_gap.sentence


@pytest.mark.parametrize(("gap", "proved"), [(0.0, True), (1e-4, False), (math.nan, False), (math.inf, False)])
def test_a_milp_is_proved_only_by_a_gap_of_zero(evidence: RunEvidence, gap: float, proved: bool) -> None:
    known = bound(dataclasses.replace(evidence, optima=(milp(gap),)))
    assert known is not None
    assert known.proved is proved


@pytest.mark.usefixtures("no_figures")
def test_a_policy_that_costs_less_than_the_optimum_is_reported_as_a_contradiction(evidence: RunEvidence) -> None:
    cheap = dataclasses.replace(evidence.kpis["learned"], cost=evidence.kpis["optimum"].cost - 1.0)
    odd = dataclasses.replace(evidence, kpis=evidence.kpis | {"learned": cheap})
    known = bound(odd)
    assert known is not None
    assert known.undercut_by == ("learned",)
    assert "Contradiction: learned costs less than the optimum" in Page(html(odd)).text
    assert "Contradiction" not in Page(html(evidence)).text


# The page


def test_the_page_names_no_network_address_and_runs_no_script(text: str, page: Page) -> None:
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert re.findall(r"url\((?!#)", text) == []
    assert page.having("script") == []
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in {"src", "href", "xlink:href", "data", "action", "poster"}:
                assert value is not None
                assert value.startswith(("#", "data:,")), (tag, name, value)


def test_every_element_is_closed_in_order(page: Page) -> None:
    assert page.unbalanced == []
    assert page.open == []


def test_identifiers_are_unique_and_every_reference_has_its_target(text: str, page: Page) -> None:
    ids = [value for _, attributes in page.tags if (value := attributes.get("id")) is not None]
    assert len(ids) == len(set(ids))
    targets = [href[1:] for _, a in page.tags if (href := a.get("href") or "").startswith("#")]
    targets += [word for _, a in page.tags for word in (a.get("aria-labelledby") or "").split()]
    targets += re.findall(r"url\(#([^)]+)\)", text)
    assert {"figures-of-merit", "figures", "rules", "reproduce"} <= set(targets)
    assert set(targets) <= set(ids)


def test_every_figure_has_a_text_alternative_and_a_caption(page: Page) -> None:
    names = [attributes.get("id") for attributes in page.having("figure")]
    assert names == [f"figure-{name}" for name in ("savings", "dispatch", "feeder", "soc", "prices", "interventions")]
    assert len(page.having("figcaption")) == len(names)
    for picture in page.having("svg"):
        assert picture["role"] == "img"
        assert len(picture["aria-label"] or "") > 40


def test_every_table_has_a_caption_and_scoped_headings(page: Page) -> None:
    assert len(page.having("caption")) == len(page.having("table"))
    assert {attributes.get("scope") for attributes in page.having("th")} == {"col", "row"}


def test_every_key_figure_of_every_policy_appears(evidence: RunEvidence, page: Page) -> None:
    for policy, column in itertools.product(POLICIES, COLUMNS.values()):
        assert column.text(evidence.kpis[policy]) in page.text, (policy, column.field)
    assert "1,099.88" in page.text
    assert "33.3 %" in page.text
    assert "25.0 µs" in page.text


def test_the_two_tables_together_hold_every_field_of_kpi_once() -> None:
    names = [item.name for item in dataclasses.fields(Kpi) if item.name != "policy"]
    assert sorted((*MAIN, *FURTHER)) == sorted(names)
    assert sorted(COLUMNS) == sorted(names)


def test_the_page_tells_rules_community_costs_and_how_to_reproduce(evidence: RunEvidence, page: Page) -> None:
    expected = [rule.formula for rule in INVARIANTS] + [rule.name for rule in INVARIANTS]
    expected += [evidence.command, evidence.data_sha256, evidence.data_source, evidence.terminal_rule, "9.8.7", "Ana"]
    expected += ["10.0 kW", "6.0 kW", evidence.created, "kernel", "perfect-foresight bound"]
    for words in expected:
        assert words in page.text, words


HOSTILE = '<script>alert("x")</script>&amp;<img src=x onerror=y>'


def test_hostile_names_are_shown_and_not_run() -> None:
    policy = f"evil {HOSTILE}"
    hostile = make_evidence(
        ("grid-only", policy),
        violations={(policy, 0): ((1, SOC),)},
        title=HOSTILE,
        community=make_community((f"{HOSTILE}1", f"{HOSTILE}2", f"{HOSTILE}3")),
        command=HOSTILE,
        currency=HOSTILE,
        data_source=HOSTILE,
    )
    page = Page(html(hostile))
    assert page.having("script") == []
    assert page.having("img") == []
    assert page.unbalanced == []
    assert HOSTILE in page.text
    assert policy in page.text


def test_the_same_evidence_gives_the_same_page(evidence: RunEvidence, text: str) -> None:
    assert html(evidence) == text


# The figures


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


@pytest.mark.parametrize(
    "policies", [("grid-only",), ("learned",), ("optimum",), ("grid-only", "optimum"), ("learned", "nan", "mpc")]
)
def test_any_set_of_policies_can_be_reported(policies: tuple[str, ...]) -> None:
    partial = make_evidence(policies, windows=1)
    page = Page(html(partial))
    assert page.unbalanced == []
    assert len(page.having("svg")) >= 4
    assert [row["policy"] for row in summary(partial)["policies"]] == list(policies)


def test_a_community_without_batteries_or_limits_can_be_reported() -> None:
    plain = Community(
        battery_capacity_kwh=np.zeros(3),
        charge_limit_kw=np.zeros(3),
        discharge_limit_kw=np.zeros(3),
        network=Network.single_feeder(n_prosumers=3),
    )
    changes: dict[str, Any] = {
        "import_limit_kw": math.inf,
        "export_limit_kw": math.inf,
        "capacity_kwh": np.zeros(3),
        "clearing_price": np.full(1, np.nan),
        "steps": 1,
    }
    runs = {name: (make_run(name, **changes),) for name in ("grid-only", "learned")}
    bare = make_evidence(("grid-only", "learned"), windows=1, community=plain, trajectories=runs)
    bare = dataclasses.replace(bare, windows=(("hour", 0, 1),))
    page = Page(html(bare))
    assert "no limit" in page.text
    assert "figure-soc" not in [attributes.get("id") for attributes in page.having("figure")]
    assert "nothing was traded between neighbours" in page.text
    assert orjson.loads(summary_json(bare))["community"]["feeder_import_limit_kw"] is None


# The data


def test_the_summary_round_trips_with_null_for_what_is_no_number(evidence: RunEvidence) -> None:
    read = orjson.loads(summary_json(evidence))
    assert read == summary(evidence)
    assert [row["policy"] for row in read["policies"]] == list(POLICIES)
    optimum = read["policies"][-1]
    assert optimum["latency_p50_s"] is None
    assert optimum["cost"] == evidence.kpis["optimum"].cost
    assert set(read["units"]) == set(optimum) - {"policy"}
    assert read["units"]["cost"] == "$"
    assert read["units"]["peak_import_kw"] == "kW"
    assert read["schema_version"] == 2
    assert read["verdict"]["held"] is True
    assert sum(window["shown_in_figures"] for window in read["windows"]) == 1


def test_the_summary_lists_every_violation_and_null_for_an_amount_of_nan() -> None:
    broken = make_evidence(violations={("learned", 1): ((3, LINE), (6, NOT_A_NUMBER)), ("nan", 0): ((0, RAMP),)})
    read = orjson.loads(summary_json(broken))
    assert [(row["policy"], row["window"], row["step"], row["rule"], row["amount"]) for row in read["violations"]] == [
        ("learned", "week 2", 3, "line", 4.2),
        ("learned", "week 2", 6, "node balance", None),
        ("nan", "week 1", 0, "ramp", 0.5),
    ]
    assert read["verdict"]["held"] is False


# The console


def printed(width: int, *parts: Any) -> str:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    return capture.get()


@pytest.mark.parametrize("width", [80, 120])
def test_the_console_tables_fit_and_cut_no_number(evidence: RunEvidence, width: int) -> None:
    large = {name: dataclasses.replace(kpi, cost=-123456.78, co2_kg=23456.7) for name, kpi in evidence.kpis.items()}
    wide = dataclasses.replace(evidence, kpis=large)
    shown = printed(width, kpi_table(wide), guarantee_table(wide))
    assert max(len(line) for line in shown.splitlines()) <= width
    assert "…" not in shown
    assert "−123,456.78" in shown
    assert "23,456.7" in shown
    for policy in POLICIES:
        assert policy in shown
        assert COLUMNS["latency_p99_s"].text(wide.kpis[policy]) in shown


def test_the_console_shows_names_with_brackets_as_they_are() -> None:
    marked = make_evidence(("grid-only", "[red]x[/red]"))
    assert "[red]x[/red]" in printed(120, kpi_table(marked))


def test_the_console_says_the_verdict_in_words() -> None:
    broken = make_evidence(violations={("learned", 0): ((1, LINE),)})
    assert "1 violation: “line” was broken once" in printed(200, verdict_line(broken))


# The files


def test_the_report_is_written_whole_and_nothing_else_stays(evidence: RunEvidence, text: str, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    assert write_report(evidence, folder) == folder / "report.html"
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "summary.json"]
    assert (folder / "report.html").read_text(encoding="utf-8") == text
    assert orjson.loads((folder / "summary.json").read_bytes()) == summary(evidence)


@pytest.mark.usefixtures("no_figures")
def test_an_error_while_rendering_leaves_the_old_report(
    evidence: RunEvidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report.html").write_text("old")

    def fail(_: RunEvidence) -> bytes:
        raise ValueError("rendering failed")

    monkeypatch.setattr(write_module, "summary_json", fail)
    with pytest.raises(ValueError, match="rendering failed"):
        write_report(evidence, tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("report.html", "old")]


@pytest.mark.parametrize("fault", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.usefixtures("no_figures")
def test_an_interruption_while_writing_leaves_the_old_report_and_no_temporary(
    evidence: RunEvidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    (tmp_path / "report.html").write_text("old")

    def fail(_: int) -> None:
        raise fault

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(type(fault)):
        write_report(evidence, tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("report.html", "old")]


def test_importing_the_report_loads_no_matplotlib_and_drawing_loads_no_pyplot() -> None:
    root = Path(__file__).parent
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import autonomy.report.write\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import test_report\n"
        "assert len(test_report.figures(test_report.make_evidence())) == 6\n"
        "assert 'matplotlib.figure' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(root)], cwd=root.parent, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr

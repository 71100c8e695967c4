"""Explanations: gradients by hand, attributions that add up, and words, tables and pictures that agree with them."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autonomy import Controller, Observation, Simulator
from autonomy.cli import main
from autonomy.configuration import Configuration
from autonomy.economics import Economics
from autonomy.errors import ConfigError
from autonomy.layers.community import Community
from autonomy.learning.card import Card
from autonomy.learning.explanation.explain import NOT_LEARNED, Frame, explained
from autonomy.learning.explanation.explanation import Account, Attribution, Explanation
from autonomy.learning.explanation.groups import GROUPS, LOAD_NOW, STORED, grouped, told
from autonomy.learning.explanation.inputs import (
    CARBON,
    CHARGE,
    DISCHARGE,
    EXPORT,
    FEED_IN,
    HALF,
    IMPORT,
    LOAD,
    RETAIL,
    Ends,
    Inputs,
    ends_of,
)
from autonomy.learning.explanation.path import TOLERANCE, contributions
from autonomy.learning.explanation.sentences import largest_gains, largest_interventions, sentence, summary
from autonomy.learning.explanation.slope import slope, wanted_kw
from autonomy.learning.explanation.table import by_day, by_group, markdown
from autonomy.learning.explanation.write import FILES, page
from autonomy.learning.features import FEATURES, HOURS, OWN, View, community_features
from autonomy.learning.network import Network
from autonomy.learning.policy import LearnedPolicy, networks_of
from autonomy.learning.weights import write_weights
from autonomy.report.html import html
from autonomy.rollout import roll_out
from autonomy.run import RunOptions, run
from tests.learning import FULL, MIXES, days
from tests.networks import drawn
from tests.strategies import communities, scenarios

VILLAGE = Community(**FULL, network=MIXES["batteries and a consumer"]().network)
TWO_DAYS = days(VILLAGE)
CARD = Card(
    title="Random weights", method="none", command="none", seed=0, version="0", data="none", data_sha256="",
    forecast="7-day-mean", score=0.0, cpu_s=0.0, limits="all",
)  # fmt: skip


def ends_at(step: int, *networks: Network, community: Community = VILLAGE, soc: float | None = None) -> Ends:
    simulator = Simulator(community, days(community).window(step, 2))
    observation = simulator.observe()
    if soc is not None:
        observation = replace(observation, soc=np.full(community.n_prosumers, soc))
    found = ends_of(LearnedPolicy(networks), community, observation)
    assert found is not None
    return found


def explain(policy: Any, *, name: str = "learned", tamper: Any = None, **changes: Any) -> Explanation:
    simulator = Simulator(VILLAGE, TWO_DAYS)
    quiet = roll_out(simulator, Controller(VILLAGE, policy="grid-only"), name="grid-only")
    frame = Frame("Village", "EUR", quiet, None)
    return explained(simulator, Controller(VILLAGE, policy=policy), name=name, frame=frame, tamper=tamper, **changes)


@pytest.fixture(scope="module")
def learned() -> Explanation:
    return explain(LearnedPolicy([drawn(0), drawn(1)], card=CARD))


# Gradients ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", Inputs._fields)
def test_the_gradient_by_hand_is_that_of_finite_differences(field: str) -> None:
    random, has_battery = np.random.default_rng(5), VILLAGE.battery_capacity_kwh > 0
    networks = [drawn(seed) for seed in (0, 1)]
    for step in (3, 12, 18, 30):
        for soc in (0.15, 0.6, 0.98):
            points = ends_at(step, *networks, soc=soc).at(random.random(6))
            direction = random.normal(size=np.shape(getattr(points, field)))
            if np.shape(direction) == points.room_kw.shape:
                direction[:, ~has_battery] = 0.0  # a limit of 0 is a bend
            size = 1e-6
            above, below = (
                points._replace(**{field: getattr(points, field) + sign * size * direction}) for sign in (1, -1)
            )
            rise = (wanted_kw(networks, above) - wanted_kw(networks, below)) / (2 * size)
            along = (getattr(slope(networks, points), field) * direction).reshape(6, -1).sum(axis=1)
            np.testing.assert_allclose(along, rise, rtol=1e-4, atol=1e-6)


def test_the_inputs_are_all_that_the_policy_needs() -> None:
    policy = LearnedPolicy([drawn(2), drawn(3)])
    for community in (VILLAGE, MIXES["quarter hours"]()):
        simulator = Simulator(community, days(community).window(7, 12))
        controller = Controller(community, policy=policy)
        while not simulator.is_done:
            observation = simulator.observe()
            ends = ends_of(policy, community, observation)
            assert ends is not None
            expected = policy(community, observation).battery_kw.sum()
            assert policy.fault == ""
            found = wanted_kw(networks_of(policy), ends.at(np.ones(1)))
            assert float(found[0]) == pytest.approx(expected, abs=1e-12)
            simulator.execute(controller.step(observation))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_attributions_add_up_to_what_is_wanted_beyond_the_baseline(data: st.DataObject) -> None:
    community = data.draw(communities())
    scenario = data.draw(scenarios(community, min_steps=24))
    policy = LearnedPolicy([drawn(seed) for seed in data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=2))])
    observation = Simulator(community, scenario, initial_soc=data.draw(st.floats(0.0, 1.0))).observe()
    ends = ends_of(policy, community, observation)
    assume(ends is not None)
    assert ends is not None
    found = contributions(networks_of(policy), ends)
    expected = policy(community, observation).battery_kw.sum()
    scale = float((community.charge_limit_kw + community.discharge_limit_kw).sum())
    assert policy.fault == ""
    assert found.wanted_kw == pytest.approx(expected, abs=1e-9 * (1 + scale))
    assert found.gap_kw <= 1000 * TOLERANCE * scale
    rise = found.wanted_kw - found.baseline_kw
    assert float(grouped(found.kw).sum()) == pytest.approx(rise, abs=1e-9 + 1000 * TOLERANCE * scale)


def test_each_attribution_is_the_integral_of_its_gradient() -> None:
    networks = [drawn(4)]
    ends = ends_at(18, *networks, soc=0.8)
    found = contributions(networks, ends)
    cells = 20_000
    slopes = slope(networks, ends.at((np.arange(cells) + 0.5) / cells))
    for along, start, end, kw in zip(slopes, ends.baseline, ends.step, found.kw, strict=True):
        np.testing.assert_allclose(kw, (end - start) * along.mean(axis=0), atol=2e-3)
    assert np.abs(grouped(found.kw)).max() > 0.1


def test_nothing_is_attributed_to_a_step_that_is_the_baseline() -> None:
    ends = ends_at(9, drawn(0))
    found = contributions([drawn(0)], Ends(ends.baseline, ends.baseline, ends.capacity_kwh))
    assert found.gap_kw == 0.0
    assert not grouped(found.kw).any()


def test_what_a_network_does_not_look_at_gets_nothing() -> None:
    network = drawn(6)
    first = np.array(network.first)
    spread = slice(FEATURES - 2 * HOURS, FEATURES - HOURS)
    first[:, spread] = 0.0
    blind = replace(network, first=first)
    found = contributions([blind], ends_at(18, blind))
    assert (found.kw.features[spread] == 0.0).all()
    assert np.count_nonzero(found.kw.features) > HOURS


def test_a_network_that_only_matches_the_load_owes_it_to_the_load() -> None:
    """Worked by hand: u = 1, c = d = 0, so b = −load while the batteries can; at the baseline the load is 0."""
    network = drawn(7, mean=0.0)
    still = replace(
        network,
        mean=np.zeros(FEATURES),
        last=np.zeros_like(network.last),
        last_bias=np.array([60.0, -60.0, -60.0, 0.0, 0.0]),
    )
    ends = ends_at(2, still, soc=0.7)
    need = -float(ends.step.surplus_kw)
    assert 0.5 < need < 6.0
    # The limits of the baseline are 0 here; as wide as those of the step they have no part in it.
    wide = {name: getattr(ends.step, name) for name in ("charge_limit_kw", "discharge_limit_kw")}
    found = contributions([still], ends._replace(baseline=ends.baseline._replace(**wide)))
    parts = dict(zip((group.name for group in GROUPS), grouped(found.kw), strict=True))
    assert found.baseline_kw == pytest.approx(0.0, abs=1e-9)
    assert parts.pop(LOAD_NOW.name) == pytest.approx(-need, abs=1e-4)
    assert parts == pytest.approx(dict.fromkeys(parts, 0.0), abs=1e-4)


def test_a_feeder_without_limits_has_finite_attributions() -> None:
    community = replace(VILLAGE, network=replace(VILLAGE.network, import_limit_kw=[np.inf], export_limit_kw=[np.inf]))
    ends = ends_at(18, drawn(0), community=community)
    found = contributions([drawn(0)], ends)
    assert all(np.isfinite(part).all() for part in found.kw)
    observation = Simulator(community, days(community).window(18, 2)).observe()
    policy = LearnedPolicy([drawn(0)])
    policy(community, observation)
    assert policy.fault == ""
    assert found.wanted_kw == pytest.approx(policy(community, observation).battery_kw.sum(), abs=1e-9)


# Groups ---------------------------------------------------------------------------------------------------------------


def test_every_input_is_in_exactly_one_group() -> None:
    assert sorted(place for group in GROUPS for place in group.features) == list(range(FEATURES))
    assert sorted(place for group in GROUPS for place in group.own) == list(range(OWN))
    others = set(Inputs._fields) - {"features", "own"}
    assert sorted(name for group in GROUPS for name in group.others) == sorted(others)
    assert len({group.name for group in GROUPS}) == len(GROUPS)


@pytest.mark.parametrize(
    ("field", "places"),
    [
        ("load_kw", [LOAD]),
        ("feed_in", [FEED_IN]),
        ("carbon", [CARBON]),
        ("import_kw", [IMPORT]),
        ("export_kw", [EXPORT]),
        ("charge_kw", [CHARGE]),
        ("discharge_kw", [DISCHARGE]),
        ("ahead_kw", list(range(8, 8 + HOURS))),
        ("spread_kw", list(range(8 + HOURS, 8 + 2 * HOURS))),
        ("retail_ahead", [RETAIL, FEED_IN, CARBON, *range(8 + 2 * HOURS, FEATURES)]),
    ],
)
def test_the_places_of_features_are_those_of_the_view(field: str, places: list[int]) -> None:
    view = View(
        load_kw=3.0, retail=0.3, feed_in=0.1, carbon=0.02, ahead_kw=np.arange(1.0, 25.0), spread_kw=np.ones(24),
        retail_ahead=np.linspace(0.2, 0.5, 24), import_kw=9.0, export_kw=8.0, charge_kw=7.0, discharge_kw=6.0,
        capacity_kwh=20.0, timestep_h=1.0,
    )  # fmt: skip
    other = community_features(view._replace(**{field: getattr(view, field) * 1.5}))
    assert np.flatnonzero(other != community_features(view)).tolist() == places


def test_groups_are_told_of_by_numbers_of_the_step() -> None:
    ends = ends_at(18, drawn(0), soc=0.82)
    numbers, usual = told(ends)
    names = [group.name for group in GROUPS]
    window = TWO_DAYS.window(18, 2)
    need = float(window.demand_kw[0].sum() - window.pv_kw[0].sum())
    assert numbers[names.index("load now")] == pytest.approx(need)
    assert numbers[names.index("stored energy")] == pytest.approx((0.82 - 0.1) / 0.9)
    assert usual[names.index("stored energy")] == HALF
    assert STORED.tells(0.93, HALF) == "the batteries are 93 % full"
    assert LOAD_NOW.tells(12.34, -3.0) == "the homes' net load is 12.3 kW, usually −3.0 kW"


# Explanations ---------------------------------------------------------------------------------------------------------


def test_an_explanation_is_what_was_wanted_decided_and_paid(learned: Explanation) -> None:
    simulator = Simulator(VILLAGE, TWO_DAYS)
    policy = LearnedPolicy([drawn(0), drawn(1)])
    run_ = roll_out(simulator, Controller(VILLAGE, policy=policy), name="learned")
    assert learned.account.cost == pytest.approx(run_.cost)
    np.testing.assert_allclose(learned.executed_kw, run_.battery_kw.sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(learned.soc * VILLAGE.battery_capacity_kwh.sum(), run_.energy_kwh.sum(axis=1))
    observation = Simulator(VILLAGE, TWO_DAYS).observe()
    assert learned.wanted_kw[0] == pytest.approx(policy(VILLAGE, observation).battery_kw.sum())
    assert (learned.weights, learned.forecast, learned.no_attribution) == ("Random weights", "7-day-mean", "")
    quiet = roll_out(simulator, Controller(VILLAGE, policy="grid-only"), name="grid-only")
    assert learned.saved.sum() == pytest.approx(quiet.step_cost.sum() - run_.step_cost.sum())


def test_in_every_step_baseline_and_groups_are_what_was_wanted(learned: Explanation) -> None:
    found = learned.attribution
    assert found is not None
    assert found.kw.shape == (48, len(GROUPS))
    np.testing.assert_allclose(found.baseline_kw + found.kw.sum(axis=1), learned.wanted_kw, atol=1e-3)
    assert float(found.gap_kw.max()) < 1e-3
    assert np.abs(found.kw).max() > 1.0


def test_steps_without_a_forecast_have_no_attribution_and_are_counted() -> None:
    def deaf(observation: Observation, step: int) -> Observation:
        return replace(observation, forecast=None) if step in (3, 4, 40) else observation

    told_less = explain(LearnedPolicy([drawn(0)]), tamper=deaf)
    assert told_less.attribution is not None
    assert np.flatnonzero(np.isnan(told_less.attribution.baseline_kw)).tolist() == [3, 4, 40]
    assert told_less.no_attribution == "in 3 steps of 48 the networks were not asked"
    assert "mostly because" not in sentence(told_less, 3)


def test_a_policy_that_is_not_learned_is_explained_without_attributions() -> None:
    found = explain("self-consumption", name="self-consumption")
    assert found.attribution is None
    assert found.no_attribution == NOT_LEARNED
    assert found.saved.sum() > 0
    assert by_day(found).rows[0][0] == "2024-05-01"
    text = page(found, {"command": "a command"})
    assert NOT_LEARNED in text
    assert "Which inputs mattered" not in text


def test_a_change_has_the_limit_that_made_it() -> None:
    found = explain(lambda community, _: np.full((community.n_prosumers, 3), 50.0), name="greedy")
    changed = np.flatnonzero(found.moved_kw > 0)
    assert changed.size > 40
    assert any("the import limit of the feeder binds" in found.reason[step] for step in changed)
    assert any("state of charge allows" in found.reason[step] for step in changed)
    np.testing.assert_allclose(found.wanted_kw, VILLAGE.charge_limit_kw.sum())
    assert all(bool(reason) for reason in found.reason)


def test_a_policy_without_an_answer_is_told_as_one() -> None:
    found = explain(lambda community, _: np.full((community.n_prosumers, 3), np.nan), name="nan")
    assert np.isnan(found.wanted_kw).all()
    assert sentence(found, 0).startswith("2024-05-01 00:00: wanted nothing that could be read; got ")
    assert "no battery intent is finite" in found.reason[0]


def test_a_part_of_a_window_is_explained_as_in_the_whole(learned: Explanation) -> None:
    part = explain(LearnedPolicy([drawn(0), drawn(1)]), span=slice(10, 20))
    assert part.attribution is not None
    assert learned.attribution is not None
    np.testing.assert_array_equal(part.wanted_kw, learned.wanted_kw[10:20])
    np.testing.assert_array_equal(part.attribution.kw, learned.attribution.kw[10:20])
    np.testing.assert_array_equal(part.soc, learned.soc[10:21])
    assert part.account.terminal_value == 0.0
    assert learned.account.terminal_value != 0.0


# Words ----------------------------------------------------------------------------------------------------------------


def by_hand() -> Explanation:
    """Three steps of two days with numbers that are easy to follow."""
    kw, numbers = np.zeros((3, len(GROUPS))), np.zeros((3, 2, len(GROUPS)))
    names = [group.name for group in GROUPS]
    price, stored = names.index("prices now"), names.index("stored energy")
    kw[1, [price, stored]] = -14.0, -6.0
    kw[2, 0] = 4.0
    numbers[1, 0, [price, stored]] = 2.4, 0.93
    return Explanation(
        title="Village",
        policy="learned",
        weights="",
        forecast="perfect",
        currency="EUR",
        time=np.array(["2024-05-01T12:00", "2024-05-01T17:00", "2024-05-02T12:00"], dtype="datetime64[m]"),
        timestep_h=1.0,
        load_kw=np.array([-20.0, 25.0, -10.0]),
        retail_price=np.array([0.2, 0.5, 0.2]),
        feed_in_price=np.full(3, 0.06),
        power_kw=40.0,
        wanted_kw=np.array([0.0, -21.3, 2.7]),
        executed_kw=np.array([0.0, -21.3, 1.2]),
        moved_kw=np.array([0.0, 0.0, 1.5]),
        curtailed_kw=np.array([0.0, 0.0, 0.7]),
        shed_kw=np.zeros(3),
        mode=np.array(["policy", "policy", "projected"]),
        reason=("", "", "the export limit of the feeder binds"),
        soc=np.array([0.5, 0.5, 0.3, 0.4]),
        account=Account(step_cost=np.array([-1.0, 2.0, -0.5]), terminal_value=-0.5),
        grid_only=Account(step_cost=np.array([-1.0, 12.0, -0.6]), terminal_value=0.0),
        optimum=Account(step_cost=np.array([-1.0, 1.0, -0.6]), terminal_value=0.0),
        attribution=Attribution(
            groups=tuple(names), kw=kw, baseline_kw=np.array([0.0, -1.3, -1.3]), gap_kw=np.zeros(3), told=numbers,
            baseline="a usual hour",
        ),
        no_attribution="",
    )  # fmt: skip


def test_an_hour_is_told_in_a_sentence() -> None:
    assert sentence(by_hand(), 1) == (
        "2024-05-01 17:00: wanted −21.3 kW (discharge); kept; mostly because the price is 2.40 × its mean of now and "
        "the next day (−14.0 kW) and the batteries are 93 % full (−6.0 kW), from −1.3 kW at the baseline; saved 10.00 "
        "EUR against doing nothing."
    )
    assert sentence(by_hand(), 2) == (
        "2024-05-02 12:00: wanted +2.7 kW (charge); got +1.2 kW (charge), 0.7 kW of generation was cut, because the "
        "export limit of the feeder binds; mostly because the homes' net load is 0.0 kW, usually 0.0 kW (+4.0 kW), "
        "from −1.3 kW at the baseline; cost 0.10 EUR against doing nothing."
    )


def test_the_largest_interventions_and_gains_are_told() -> None:
    told_ = by_hand()
    assert largest_interventions(told_) == (sentence(told_, 2),)
    assert largest_gains(told_) == (sentence(told_, 1),)
    assert summary(told_) == (
        "In 3 steps from 2024-05-01 12:00 the policy learned cost 1.00 EUR; doing nothing 10.40, so it saved 9.40, "
        "85.5 % of what perfect foresight saves. The layers changed battery powers, or cut, in 1 step."
    )


def test_tables_sum_what_the_steps_say() -> None:
    told_ = by_hand()
    assert told_.attribution is not None
    groups = by_group(told_, told_.attribution)
    assert groups.rows[0] == ("prices now", "4.7", "58.3 %", "−14.0", "2024-05-01 17:00")
    assert groups.rows[1][:3] == ("stored energy", "2.0", "25.0 %")
    rows = by_day(told_).rows
    assert rows[0] == ("2024-05-01", "0.0", "21.3", "0.0", "0.0", "10.00", "11.00")
    assert rows[1] == ("2024-05-02", "2.7", "0.0", "1.5", "0.7", "−0.10", "0.00")
    assert markdown(groups).splitlines()[2] == "| prices now | 4.7 | 58.3 % | −14.0 | 2024-05-01 17:00 |"


# Files ----------------------------------------------------------------------------------------------------------------


def check_picture(folder: Path) -> None:
    width, height = struct.unpack(">II", (folder / "explanation.png").read_bytes()[16:24])
    assert (width, height > 1200) == (1200, True)
    text = (folder / "explanation.svg").read_text(encoding="utf-8")
    for name in (*(group.name for group in GROUPS), "wanted", "Changed by the layers, kW", "Cost per hour, USD"):
        assert f">{name}</text>" in text


def test_the_command_writes_page_numbers_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, out = tmp_path / "weights.npz", tmp_path / "why"
    write_weights(weights, [drawn(0)], CARD)
    words = ["explain", "--policy", str(weights), "--from", "2016-09-05T12:00", "--to", "2016-09-05T22:00"]
    words += ["--out", str(out)]
    assert main(words) == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    check_picture(out)
    numbers = json.loads((out / "explanation.json").read_text(encoding="utf-8"))
    assert numbers["schema"] == "autonomy-stack/explanation"
    total = np.array(numbers["attribution"]["baseline_kw"]) + np.sum(numbers["attribution"]["kw"], axis=1)
    np.testing.assert_allclose(total, numbers["wanted_kw"], atol=0.01)
    text = (out / "explanation.md").read_text(encoding="utf-8")
    assert numbers["summary"] in text
    assert "## Which inputs mattered" in text
    assert f"- command: `autonomy {' '.join(words)}`" in text
    assert " ".join(numbers["summary"].split()) in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "--week"),
        (["--week", "2016-09-05", "--to", "2016-09-06"], "--week"),
        (["--week", "2031-01-01"], "--week: found '2031-01-01'"),
        (["--from", "2016-09-05", "--to", "2016-10-05"], "--to"),
        (["--from", "2016-09-05", "--to", "soon"], "--to: found 'soon'"),
    ],
)
def test_a_wrong_window_is_an_error_that_names_the_option(
    words: list[str], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "--policy", "grid-only", *words, "--out", str(tmp_path / "out")]) == 1
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_report_of_a_run_has_a_section_for_each_learned_policy(tmp_path: Path) -> None:
    weights = tmp_path / "weights.npz"
    write_weights(weights, [drawn(0)], CARD)
    village = Configuration(name="Village", currency="EUR", community=VILLAGE, economics=Economics())
    evidence = run(
        village,
        (TWO_DAYS.window(8, 12),),
        options=RunOptions(policies=(str(weights), "self-consumption"), with_optimum=False),
    )
    assert [one.policy for one in evidence.explanations] == [str(weights)]
    assert evidence.explanations[0].account.cost == pytest.approx(evidence.kpis[str(weights)].cost)
    text = html(evidence)
    assert text.count('<section id="explanation-') == 1
    assert 'href="#explanation-1"' in text
    assert '<th scope="row">stored energy</th>' in text
    assert html(replace(evidence, explanations=())).count("explanation-1") == 0


def test_an_unknown_policy_costs_no_minutes() -> None:
    village = Configuration(name="Village", currency="EUR", community=VILLAGE, economics=Economics())
    with pytest.raises(ConfigError, match="no policy is called"):
        run(village, (TWO_DAYS,), options=RunOptions(policies=("lerned",), explained=("lerned",)))

"""The rule policies by hand, the adversaries, and loading a policy by name or from a file."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy import Community, Controller, Intent, Network, Scenario, Simulator
from autonomy.errors import ConfigError, OptionalDependencyError
from autonomy.layers.decision import Cause
from autonomy.layers.intent import POLICIES, Policy, named_policy, read_answer
from autonomy.layers.intent.adversaries import ATTACKS, AdversarialPolicy, RandomPolicy
from autonomy.layers.intent.level import fill
from autonomy.layers.intent.rules import TimeOfUse, grid_only, self_consumption
from autonomy.layers.observation import Observation
from autonomy.policies import load_policy
from autonomy.rollout import roll_out
from autonomy.solvers.allocation import Hierarchy, allocation
from autonomy.solvers.nested import NestedSolver
from tests.homes import homes, scenario_of
from tests.strategies import communities, observations


def seen(soc: Any, *, demand: Any = 0.0, pv: Any = 0.0, forecast: Any = None, **prices: Any) -> Observation:
    size = len(soc)

    def column(value: Any) -> Any:
        return np.broadcast_to(np.asarray(value, dtype=float), (size,))

    return Observation(
        demand_kw=column(demand),
        pv_kw=column(pv),
        soc=column(soc),
        retail_price=column(prices.get("retail", 0.3)),
        feed_in_price=column(prices.get("feed_in", 0.1)),
        forecast=forecast,
    )


def prices_ahead(*retail: float) -> Any:
    """The part of a forecast that time-of-use looks at."""
    return SimpleNamespace(retail_price=np.array(retail))


def battery(policy: Policy, community: Community, observation: Observation) -> list[float]:
    answer = policy(community, observation)
    assert isinstance(answer, Intent)
    wanted: list[float] = np.round(answer.battery_kw, 9).tolist()
    return wanted


# The rules ------------------------------------------------------------------------------------------------------------


@given(communities(), st.data())
def test_grid_only_wants_nothing(community: Community, data: st.DataObject) -> None:
    intent = grid_only(community, data.draw(observations(community)))
    assert not intent.battery_kw.any()
    assert not intent.trade_kw.any()


def test_self_consumption_fills_the_emptiest_batteries_to_one_level() -> None:
    # Stored 2, 4 and 9 kWh of 10. 4 kW of surplus for one hour lift the first two to 5 kWh and leave the third alone.
    community = homes(3)
    surplus = seen([0.2, 0.4, 0.9], pv=[4.0, 1.0, 0.0], demand=[0.0, 0.0, 1.0])
    assert battery(self_consumption, community, surplus) == [3.0, 1.0, 0.0]
    # 4 kW of deficit come from the fullest first: 9 kWh falls to 5, which still is above the others.
    deficit = seen([0.2, 0.4, 0.9], demand=[4.0, 0.0, 0.0])
    assert battery(self_consumption, community, deficit) == [0.0, 0.0, -4.0]
    # A power limit stops the levelling: of 10 kW the emptiest takes its 5, the others share the rest, 5 and 0.
    assert battery(self_consumption, community, seen([0.1, 0.4, 1.0], pv=[10.0, 0.0, 0.0])) == [5.0, 5.0, 0.0]


def test_self_consumption_levels_fractions_and_not_kilowatt_hours() -> None:
    # 10 and 30 kWh, both half full: 4 kW go 1 to 3, so that both are at 0.6.
    community = homes(2, battery_capacity_kwh=[10.0, 30.0])
    assert battery(self_consumption, community, seen([0.5, 0.5], pv=[4.0, 0.0])) == [1.0, 3.0]


LEVELS = st.tuples(
    st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0.0, 1.0)),
    st.one_of(st.sampled_from([1.0, 4.0]), st.floats(0.1, 20.0)),
    st.one_of(st.sampled_from([0.0, 1.0, 5.0]), st.floats(0.0, 6.0)),
)


@given(st.lists(LEVELS, min_size=1, max_size=9), st.floats(0.0, 1.0))
def test_filling_to_a_level_is_the_minimiser_that_the_exact_solver_finds(rows: Any, part: float) -> None:
    share, capacity, room = (np.array(column) for column in zip(*rows, strict=True))
    total = part * room.sum()
    slopes = np.concatenate((capacity, -capacity))
    filled = fill(total, share=share, per_unit=1.0 / capacity, slopes=slopes, room=room)
    problem = allocation(
        Hierarchy(parent=np.array([-1]), group_of=np.zeros(room.size, dtype=np.int64)),
        weight=1.0 / capacity, centre=-share * capacity, lower=np.zeros(room.size), upper=room,
        total_lower=np.array([total]), total_upper=np.array([total]),
    )  # fmt: skip
    np.testing.assert_allclose(filled, NestedSolver(problem.hierarchy).solve(problem).point[0], atol=1e-8)
    assert filled.sum() == pytest.approx(total, abs=1e-9)
    assert np.all((filled >= 0) & (filled <= room))


def test_who_has_no_battery_takes_no_part_in_the_filling_whatever_its_state_of_charge() -> None:
    community = homes(3, battery_capacity_kwh=[10.0, 0.0, 10.0], charge_limit_kw=[5.0, 0.0, 5.0])
    observation = seen([0.2, np.nan, 0.4], pv=[4.0, 0.0, 0.0])
    assert battery(self_consumption, community, observation) == [3.0, 0.0, 1.0]


@given(communities(), st.data())
def test_self_consumption_never_imports_to_charge_nor_discharges_to_export(
    community: Community, data: st.DataObject
) -> None:
    observation = data.draw(observations(community))
    total = float(self_consumption(community, observation).battery_kw.sum())
    surplus = float((observation.pv_kw - observation.demand_kw).sum())
    assert min(surplus, 0.0) - 1e-9 <= total <= max(surplus, 0.0) + 1e-9


@given(communities(), st.data())
def test_self_consumption_trades_the_rest_at_the_middle_of_the_tariffs(
    community: Community, data: st.DataObject
) -> None:
    observation = data.draw(observations(community))
    intent = self_consumption(community, observation)
    rest = observation.pv_kw - observation.demand_kw - intent.battery_kw
    np.testing.assert_allclose(intent.trade_kw, rest, atol=1e-12)
    np.testing.assert_allclose(intent.price_bid, (observation.retail_price + observation.feed_in_price) / 2)


def test_time_of_use_charges_before_the_peak_and_discharges_in_it_by_hand() -> None:
    community, policy = homes(2), TimeOfUse(top_up_h=3.0)

    def at(price: float, *ahead: float, **others: Any) -> list[float]:
        return battery(policy, community, seen([0.5, 0.5], retail=price, forecast=prices_ahead(*ahead), **others))

    # The dear hours begin in 4 hours: nothing yet. In 3, 2, 1 hours: a third, a half, all of the 10 kW that fit.
    assert at(0.2, 0.2, 0.2, 0.2, 0.5, 0.5) == [0.0, 0.0]
    assert at(0.2, 0.2, 0.2, 0.5, 0.5, 0.2) == [round(5 / 3, 9)] * 2
    assert at(0.2, 0.2, 0.5, 0.5, 0.2, 0.2) == [2.5, 2.5]
    assert at(0.2, 0.5, 0.5, 0.2, 0.2, 0.2) == [5.0, 5.0]
    # In the dear hours the deficit is served and a surplus is stored; in the others a deficit is bought.
    assert at(0.5, 0.5, 0.2, 0.2, demand=[3.0, 1.0]) == [-2.0, -2.0]
    assert at(0.5, 0.5, 0.2, 0.2, pv=[3.0, 1.0]) == [2.0, 2.0]
    assert at(0.2, 0.2, 0.2, 0.2, 0.5, demand=[3.0, 1.0]) == [0.0, 0.0]
    assert at(0.2, 0.2, 0.2, 0.2, 0.5, pv=[3.0, 1.0]) == [2.0, 2.0]


def test_time_of_use_without_a_forecast_or_under_a_flat_tariff_is_self_consumption() -> None:
    community = homes(2)
    for forecast in (None, prices_ahead(0.3, 0.3, 0.3)):
        observation = seen([0.2, 0.6], demand=[3.0, 1.0], forecast=forecast)
        wanted = battery(self_consumption, community, observation)
        assert battery(TimeOfUse(), community, observation) == wanted
        assert wanted[1] < 0


def test_time_of_use_has_full_batteries_when_the_peak_begins_and_uses_them() -> None:
    community = homes()
    price = [0.2] * 5 + [0.5] * 3 + [0.2] * 4
    scenario = scenario_of(community, [[2.0]] * 12, 0.0, retail_price=price)
    run = roll_out(
        Simulator(community, scenario, initial_soc=0.0), Controller(community, policy="time-of-use"), name="x"
    )
    assert run.energy_kwh[5, 0] == pytest.approx(10.0, abs=1e-4)
    np.testing.assert_allclose(run.battery_kw[5:8, 0], -2.0, atol=1e-4)
    assert run.battery_kw[:2].tolist() == [[0.0], [0.0]]
    assert run.violations == ()


# The adversaries ------------------------------------------------------------------------------------------------------


def test_random_is_seeded_and_asks_for_more_than_is_allowed() -> None:
    community = Community.demo()
    observation = Simulator(community, Scenario.demo().window(0, 1)).observe()
    first, same, other = (RandomPolicy(seed) for seed in (1, 1, 2))
    answers = [[policy(community, observation) for _ in range(20)] for policy in (first, same, other)]
    np.testing.assert_array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])
    assert not np.array_equal(answers[0][0], answers[0][1])
    assert np.abs(np.array(answers[0])[:, :, 0]).max() > 5.0
    np.testing.assert_array_equal(
        named_policy("random")(community, observation), RandomPolicy(0)(community, observation)
    )


def test_the_adversary_tries_every_attack_in_turn_and_none_succeeds() -> None:
    network = Network.single_feeder(n_prosumers=2, import_limit_kw=4.0, export_limit_kw=4.0)
    community = homes(2, network=network, connection_limit_kw=6.0)
    steps = len(ATTACKS)
    scenario = scenario_of(community, [[2.0, 3.0]] * steps, [[6.0, 0.0]] * steps)
    policy, answers = AdversarialPolicy(), []

    def spy(asked: Community, observation: Observation) -> Any:
        try:
            answers.append(policy(asked, observation))
        except RuntimeError as fault:
            answers.append(fault)
            raise
        return answers[-1]

    run = roll_out(Simulator(community, scenario), Controller(community, policy=spy), name="adversarial")
    assert run.violations == ()
    assert len(answers) == steps
    unreadable = sum(isinstance(a, Exception) or read_answer(a, 2).intent is None for a in answers)
    assert np.count_nonzero(run.mode == "support") == unreadable
    assert 0 < unreadable < steps
    assert sum(isinstance(answer, RuntimeError) for answer in answers) == 1


# Loading --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", POLICIES)
def test_every_name_gives_a_fresh_policy(name: str) -> None:
    policy = load_policy(name)
    assert callable(policy)
    if name in ("random", "adversarial", "time-of-use"):
        assert load_policy(name) is not policy


def refused(spec: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_policy(spec)
    assert caught.value.exit_code == 1
    return str(caught.value)


def test_an_unknown_name_says_what_was_probably_meant() -> None:
    assert refused("self-consumtion").startswith("policy: no policy is called 'self-consumtion' (did you mean 'self-")
    assert "known: grid-only, self-consumption" in refused("")


@pytest.mark.parametrize("name", ["model.zip", "policy.py:act", "policy.py"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    assert refused(f"{tmp_path}/{name}") == f"policy: no file '{tmp_path}/{name.partition(':')[0]}'"


def write(folder: Path, text: str, name: str = "policy.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


GOOD = """
from __future__ import annotations
from dataclasses import dataclass
import numpy as np

def act(community, observation):
    return np.ones((community.n_prosumers, 3))

@dataclass
class Doubled:
    factor: float = 2.0

    def __call__(self, community, observation):
        return self.factor * act(community, observation)

ready = Doubled(3.0)
number = 3
class NoPolicy: ...
class Failing:
    def __init__(self):
        raise ValueError("no licence")
"""


@pytest.mark.parametrize(("attribute", "value"), [("act", 1.0), ("Doubled", 2.0), ("ready", 3.0)])
def test_a_function_a_class_or_an_object_of_a_file_is_a_policy(tmp_path: Path, attribute: str, value: float) -> None:
    path = write(tmp_path, GOOD)
    community = homes(2)
    answer = load_policy(f"{path}:{attribute}")(community, seen([0.5, 0.5]))
    np.testing.assert_array_equal(answer, np.full((2, 3), value))
    decision = Controller(community, policy=f"{path}:{attribute}").step(seen([0.5, 0.5]))
    assert decision.battery_kw.tolist() == [value, value]


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("", "name the function, as in"),
        (":", "name the function"),
        (":other", "has no function or class 'other'"),
        (":number", "has no function or class 'number'"),
        (":NoPolicy", "has no function or class 'NoPolicy'"),
        (":Failing", "raised ValueError: no licence"),
    ],
)
def test_what_a_file_does_not_hold_is_named(tmp_path: Path, attribute: str, said: str) -> None:
    path = write(tmp_path, GOOD)
    message = refused(f"{path}{attribute}")
    assert said in message
    assert str(path) in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise RuntimeError('broken')", "raised RuntimeError: broken"),
        ("import a_module_that_nobody_has", "raised ModuleNotFoundError"),
        ("def act(:", "raised SyntaxError"),
        ("import sys; sys.exit(0)", "raised SystemExit: 0"),
    ],
)
def test_a_file_that_raises_is_an_error_with_its_message(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(f"{write(tmp_path, text)}:act")


def test_two_files_of_the_same_name_are_two_policies_and_hide_no_module(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "ab"]
    for value, folder in enumerate(folders):
        folder.mkdir()
        write(folder, f"def act(community, observation): return {value}", "numpy.py")
    policies = [load_policy(f"{folder}/numpy.py:act") for folder in folders]
    assert [policy(homes(), seen([0.5])) for policy in policies] == [0, 1]
    assert sys.modules["numpy"] is np


def test_a_zip_that_is_no_model_is_an_error_that_names_it(tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3")
    path = write(tmp_path, "this is no zip", "model.zip")
    assert f"{path} is no Stable-Baselines3 model (PPO: " in refused(str(path))


def test_without_stable_baselines_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    with pytest.raises(OptionalDependencyError, match=r"autonomy-stack\[train\]"):
        load_policy(str(write(tmp_path, "", "model.zip")))


class Unreadable:
    """An answer that raises whenever somebody looks at it."""

    def __array__(self, *_, **__):
        raise RuntimeError("not today")

    @property
    def shape(self):
        raise RuntimeError("nor tomorrow")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            Intent(battery_kw=[[1.0], [1.0, 2.0]], trade_kw=[0.0] * 2, price_bid=[0.0] * 2),
            "an Intent of a list, a list",
        ),
        (
            Intent(battery_kw=b"\x00", trade_kw=np.zeros(3), price_bid=None),
            "an Intent of a bytes, an array of shape (3,)",
        ),
        (Unreadable(), "a Unreadable"),
        (np.zeros((3, 2)), "an array of shape (3, 2)"),
    ],
)
def test_an_answer_that_cannot_be_read_is_no_intent_whatever_it_raises(answer, said):
    wish = read_answer(answer, 2)
    assert wish.intent is None
    assert [reason.cause for reason in wish.reasons] == [Cause.POLICY_SHAPE]
    assert f"the policy answered {said}" in str(wish.reasons[0])

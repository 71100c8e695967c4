"""The decision journal: every line is on the disk before the decision is used, and half a journal never looks whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Controller, Decision, Mode, Observation, Simulator
from autonomy.journal import JsonLinesJournal
from tests.strategies import ANY_FLOAT
from tests.test_simulator import homes, scenario_of


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_a_decision_is_on_the_disk_before_it_is_returned(tmp_path: Path) -> None:
    community = homes(2)
    simulator = Simulator(community, scenario_of(community, [[1.0, 2.0]] * 3, [[2.5, 0.0]] * 3))
    with JsonLinesJournal(tmp_path / "a.jsonl") as journal:
        controller = Controller(community, journal=journal)
        for step in range(3):
            decision = controller.step(simulator.observe())
            written = lines(tmp_path / "a.jsonl.partial")
            assert len(written) == step + 1
            assert written[-1]["decided"]["battery_kw"] == pytest.approx(decision.battery_kw.tolist(), abs=1e-6)
            simulator.execute(decision)
        assert not (tmp_path / "a.jsonl").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_line_says_what_was_seen_decided_and_why(tmp_path: Path) -> None:
    community = homes(2)
    observation = Observation(
        demand_kw=np.array([1.0, np.nan]),
        pv_kw=np.array([0.0, 0.25]),
        soc=np.array([0.5, 0.5]),
        retail_price=np.full(2, 0.3),
        feed_in_price=np.full(2, 0.1),
        time=np.datetime64("2024-05-01T06:00"),
    )
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        controller = Controller(community, policy=lambda _, __: np.full((2, 3), np.inf), journal=journal)
        decision = controller.step(observation)
        controller.step({"soc": "half"})
        controller.reset()
        controller.step(observation)
    first, second, third = lines(path)
    assert (first["step"], first["time"], first["mode"]) == (0, "2024-05-01T06:00", "support")
    assert first["observed"] == {"demand_kw": [1.0, None], "pv_kw": [0.0, 0.25], "soc": [0.5, 0.5]}
    assert [reason["cause"] for reason in first["reasons"]] == [reason.cause.value for reason in decision.reasons]
    assert {"cause": "not-finite", "text": "demand_kw is not finite", "prosumers": [1]} in first["reasons"]
    assert set(first["decided"]) == {
        "battery_kw", "trade_kw", "price_bid", "curtail_kw", "shed_kw", "net_export_kw",
    }  # fmt: skip
    for name, values in first["decided"].items():
        np.testing.assert_allclose(values, getattr(decision, name), atol=5e-7)
    assert first["caps"]["load_kw"] == [None if np.isinf(x) else x for x in decision.load_cap_kw]
    assert (second["step"], second["time"], second["mode"]) == (1, None, "dead-stop")
    assert second["observed"] == {"demand_kw": None, "pv_kw": None, "soc": "half"}
    assert third["step"] == 0  # a new window


NUMBERS = st.one_of(
    ANY_FLOAT, st.floats(-9, 9), st.sampled_from([0.1234565, 2.5e-7, 1e9, -1e9, 1e9 - 1e-6, 999999999.1])
)


@given(st.lists(st.lists(NUMBERS, min_size=2, max_size=2), min_size=11, max_size=11))
def test_numbers_are_the_same_whether_they_are_written_at_once_or_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[float]]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "a.jsonl"
    names = ("battery_kw", "trade_kw", "price_bid", "curtail_kw", "shed_kw", "net_export_kw")
    caps = ("generation_cap_kw", "load_cap_kw")
    arrays = dict(zip((*names, *caps), map(np.array, rows[3:]), strict=True))
    decision = Decision(**arrays, mode=Mode.POLICY)
    observed = dict(zip(("demand_kw", "pv_kw", "soc"), rows, strict=False))
    with JsonLinesJournal(path) as journal:
        journal.record(0, {name: np.array(values) for name, values in observed.items()}, decision)
        journal.record(0, observed, decision)  # lists are read one by one
    at_once, one_by_one = path.read_bytes().splitlines()
    assert at_once == one_by_one
    written = json.loads(at_once)
    for name, values in observed.items():
        for shown, value in zip(written["observed"][name], values, strict=True):
            if not np.isfinite(value):
                assert shown is None
            else:
                assert abs(shown - value) <= (6e-7 if abs(value) < 1e9 else 0.0)


TEXTS = st.one_of(st.text(max_size=4), st.sampled_from(["\ud800", "a\udc80b", "\x00", "\u2028"]))


@given(st.dictionaries(st.one_of(st.sampled_from(["time", "demand_kw", "pv_kw", "soc"]), TEXTS), st.one_of(
    TEXTS, ANY_FLOAT, st.none(), st.integers(), st.just(10**400), st.binary(max_size=3),
    st.lists(st.one_of(TEXTS, ANY_FLOAT), max_size=3), st.dictionaries(TEXTS, TEXTS, max_size=1),
), max_size=4), TEXTS)  # fmt: skip
@settings(max_examples=60)
def test_whatever_was_observed_or_raised_fits_into_a_line(
    tmp_path_factory: pytest.TempPathFactory, observation: dict[str, Any], words: str
) -> None:
    path = tmp_path_factory.mktemp("journal") / "a.jsonl"

    def policy(_community: Any, _observation: Any) -> Any:
        raise RuntimeError(words)

    good = {"demand_kw": [1.0], "pv_kw": [0.0], "soc": [0.5], "retail_price": [0.3], "feed_in_price": [0.1]}
    with JsonLinesJournal(path) as journal:
        controller = Controller(homes(), policy=policy, journal=journal)
        controller.step(observation)
        controller.step({**good, "time": words})
    assert len(lines(path)) == 2
    assert "the policy raised RuntimeError: " in lines(path)[1]["reasons"][0]["text"]


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_no_file(tmp_path: Path, fault: type[BaseException]) -> None:
    def interrupted() -> None:
        with JsonLinesJournal(tmp_path / "a.jsonl") as journal:
            Controller(homes(), journal=journal).step({})
            assert lines(tmp_path / "a.jsonl.partial")
            raise fault

    with pytest.raises(fault):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_journal_is_replaced_only_by_a_finished_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("earlier\n")
    journal = JsonLinesJournal(path)
    Controller(homes(), journal=journal).step({})
    assert path.read_text() == "earlier\n"
    journal.close()
    assert len(lines(path)) == 1


def test_a_folder_that_does_not_exist_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        JsonLinesJournal(tmp_path / "none" / "a.jsonl")

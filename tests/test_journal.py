"""The decision journal: every line is in the file before the decision is used, and every step can be decided again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Cause, Community, Controller, Intent, Limits, Network, Observation, Scenario, Simulator, Supervisor
from autonomy.cli import main
from autonomy.errors import ConfigError
from autonomy.journal import JsonLinesJournal, disk, resume
from autonomy.journal.errors import JournalError
from autonomy.journal.line import GENESIS, decode_answer, dumps, encode_answer
from autonomy.journal.observed import decode_observation, encode_observation
from autonomy.journal.values import Shown, decode, encode
from autonomy.journal.verify import verify
from autonomy.layers.intent import POLICIES, read_answer
from autonomy.layers.projection import Lookahead
from autonomy.layers.supervision import Doubt, Loss, Sight
from autonomy.layers.voltage import VoltageLimits
from autonomy.rollout import roll_out
from tests.strategies import ANY_FLOAT, communities, intents, observations
from tests.test_simulator import homes, scenario_of

GOOD = {"demand_kw": [1.0, 2.0], "pv_kw": [0.0, 0.0], "soc": [0.5, 0.5], "retail_price": 0.3, "feed_in_price": 0.1}


def lines(path: Path) -> list[dict[str, Any]]:
    """Return all lines of a journal."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def decisions(path: Path) -> list[dict[str, Any]]:
    """Return the lines of decisions."""
    return [line for line in lines(path) if "step" in line]


def findings(path: Path, **options: Any) -> list[str]:
    """Return what `verify` finds."""
    return [f"line {place}: {text}" for place, text in verify(path, **options).findings]


# Lines ----------------------------------------------------------------------------------------------------------------


def test_a_decision_is_in_the_file_before_it_is_returned(tmp_path: Path) -> None:
    community, path = homes(2), tmp_path / "a.jsonl"
    simulator = Simulator(community, scenario_of(community, [[1.0, 2.0]] * 3, [[2.5, 0.0]] * 3))
    with JsonLinesJournal(path) as journal:
        controller = Controller(community, journal=journal)
        for step in range(3):
            decision = controller.step(simulator.observe())
            written = decisions(path)
            assert len(written) == step + 1
            assert written[-1]["decided"]["battery_kw"] == decision.battery_kw.tolist()
            simulator.execute(decision)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jsonl"]
    assert lines(path)[-1]["closes"] is True


def test_a_line_says_what_was_seen_asked_and_decided_and_why(tmp_path: Path) -> None:
    community = homes(2)
    observation = Observation(
        demand_kw=np.array([1.0, np.nan]),
        pv_kw=np.array([0.0, 0.1 + 0.2]),
        soc=np.array([0.5, 0.5]),
        retail_price=np.full(2, 0.3),
        feed_in_price=np.full(2, 0.1),
        time=np.datetime64("2024-05-01T06:00"),
    )
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        controller = Controller(community, policy=lambda _, __: np.full((2, 3), np.inf), journal=journal)
        decision = controller.step(observation)
        controller.step({"soc": "half", "humidity": 3})
        controller.reset()
        controller.step(observation)
    header, first, second, third, root = lines(path)
    assert header["previous"] == GENESIS
    assert header["header"]["community"]["names"] == list(community.names)
    assert header["header"]["timestep_h"] == community.timestep_h
    assert (first["number"], first["step"], first["mode"]) == (0, 0, "support")
    assert first["observed"] == {
        "demand_kw": [1.0, "NaN"], "pv_kw": [0.0, 0.30000000000000004], "soc": [0.5, 0.5], "retail_price": [0.3, 0.3],
        "feed_in_price": [0.1, 0.1], "time": {"datetime64": "2024-05-01T06:00"},
    }  # fmt: skip
    assert first["answer"] == {"array": "<f8", "shape": [2, 3], "values": ["Infinity"] * 6}
    assert [reason["cause"] for reason in first["reasons"]] == [reason.cause.value for reason in decision.reasons]
    why = {"cause": "not-finite", "text": "demand_kw is not finite", "prosumers": [1], "amount_kw": 0.0}
    assert why in first["reasons"]
    for name, values in first["decided"].items():
        assert values == getattr(decision, name).tolist()
    assert first["caps"]["load_kw"] == [None if np.isinf(x) else x for x in decision.load_cap_kw]
    assert first["certificate"]["gap"] == decision.certificate.gap
    assert (second["number"], second["step"], second["mode"], second["answer"]) == (1, 1, "dead-stop", None)
    assert second["observed"] == {"soc": "half", "extra": [["humidity", 3]]}
    assert (third["number"], third["step"]) == (2, 0)  # a new window
    assert (root["first_line"], root["lines"], root["closes"]) == (1, 4, True)
    hashes = [line["hash"] for line in (header, first, second, third)]
    assert [line["previous"] for line in (first, second, third, root)] == hashes


def test_roots_come_once_a_day_or_after_so_many_lines(tmp_path: Path) -> None:
    for name, options, expected in (("day", {}, [24, 24, 3]), ("few", {"lines_a_root": 20}, [20, 20, 11])):
        path = tmp_path / name
        with JsonLinesJournal(path, **options) as journal:
            controller = Controller(homes(), journal=journal)
            for _ in range(50):
                controller.step({})
        assert [line["lines"] for line in lines(path) if "root" in line] == expected
        assert findings(path) == []


# Values ---------------------------------------------------------------------------------------------------------------

TEXTS = st.one_of(st.text(max_size=4), st.sampled_from(["\ud800", "a\udc80b", "\x00", "\u2028", "1.5", "NaN"]))
SCALARS = st.one_of(
    TEXTS,
    ANY_FLOAT,
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.binary(max_size=3),
    st.datetimes(),
    st.sampled_from(
        [np.float32(0.1), np.int8(-3), np.True_, np.datetime64("2024-05-01T06"), np.datetime64("NaT"), 1j, ...]
    ),
)
ARRAYS = st.sampled_from(
    [
        np.array([0.1, 0.2]),
        np.array([1, 2]),
        np.array([True, False]),
        np.array(0.3),
        np.array([0.1, np.nan], dtype=np.float32),
        np.array([0.1, 0.2], dtype=">f8"),
        np.array([0.1, 0.2], dtype=np.longdouble),
        np.zeros((2, 1)),
        np.zeros(0),
        np.arange(4.0)[::2],
        np.array([1 + 2j, 3]),
        np.array(["1.5", "x"]),
        np.array([b"1.5", b"2"]),
        np.array([None, 2.0], dtype=object),
        np.array(["2024-05-01"], dtype="M8[D]"),
        np.ma.array([1.0, 2.0], mask=[True, False]),
        np.array([2**63 + 5], dtype=np.uint64),
    ]
)
VALUES = st.recursive(
    st.one_of(SCALARS, ARRAYS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=2).map(tuple),
        st.dictionaries(TEXTS, inner, max_size=2),
    ),
    max_leaves=4,
)


def numbers_of(value: Any) -> Any:
    """Return what the layers make of a value, or why they do not."""
    try:
        with np.errstate(all="ignore"):
            array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as fault:
        return type(fault).__name__ if type(value) in (str, int) else "none"
    return array.shape, array.tobytes()


@given(VALUES)
@settings(max_examples=300)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_a_value_comes_back_as_the_layers_read_it_and_is_written_the_same_again(value: Any) -> None:
    written = dumps(encode(value))
    again = decode(json.loads(written))
    assert dumps(encode(again)) == written
    with np.errstate(invalid="ignore"):
        assert numbers_of(again) == numbers_of(value)
    if isinstance(value, np.ndarray) and type(value) is np.ndarray and value.dtype.kind in "fiub":
        assert (again.dtype, again.shape, again.flags.c_contiguous) == (
            value.dtype, value.shape, value.flags.c_contiguous,
        )  # fmt: skip


class Meter:
    """What a host's own object may look like."""

    def __float__(self) -> float:
        return 1.5


def test_an_object_of_the_hosts_own_is_kept_by_its_name_and_its_numbers() -> None:
    plain, meter = decode(json.loads(dumps(encode(object())))), decode(json.loads(dumps(encode(Meter()))))
    assert isinstance(plain, Shown)
    assert type(plain).__name__ == "object"
    assert type(meter).__name__ == "Meter"
    assert float(np.asarray(meter, dtype=np.float64)) == 1.5


def test_a_mapping_that_cannot_be_read_is_written_as_that() -> None:
    class Broken(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            raise OSError("the meter bus is down")

    code = encode_observation(Broken(), with_forecast=False)
    assert code == {"unreadable": "OSError: the meter bus is down"}
    assert encode_observation(decode_observation(code), with_forecast=False) == code


def test_a_forecast_is_kept_as_its_digest_unless_decisions_depend_on_it() -> None:
    scenario = Scenario.demo().window(0, 4)
    given = vars(Simulator(Community.demo(), scenario).observe())
    short = encode_observation(given, with_forecast=False)["forecast"]
    assert set(short) == {"digest"}
    back = decode_observation({"forecast": short})
    assert encode_observation(back, with_forecast=False)["forecast"] == short
    full = json.loads(dumps(encode_observation(given, with_forecast=True)))["forecast"]
    again = decode_observation({"forecast": full})["forecast"]
    np.testing.assert_array_equal(again.demand_high_kw, given["forecast"].demand_high_kw)
    with pytest.raises(ValueError, match="unknown tag"):
        decode({"spell": 1})
    with pytest.raises(ValueError, match="no field"):
        decode_observation({"humidity": 1})


ANSWERS = st.one_of(
    VALUES, intents(2, ANY_FLOAT), st.builds(Intent, battery_kw=VALUES, trade_kw=VALUES, price_bid=VALUES)
)


def read_of(answer: Any) -> bool | None:
    """Return whether an answer can be used, None where it cannot even be described."""
    try:
        return read_answer(answer, 2).intent is not None
    except (TypeError, ValueError):
        return None


@given(ANSWERS)
@settings(max_examples=200)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_an_answer_is_written_the_same_after_it_came_back(answer: Any) -> None:
    code = json.loads(dumps(encode_answer(answer)))
    again = decode_answer(code)
    assert dumps(encode_answer(again)) == dumps(code)
    assert read_of(again) == read_of(answer)


# Replay ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", POLICIES)
def test_a_week_of_the_demo_decides_the_same_again_to_the_last_bit(tmp_path: Path, policy: str) -> None:
    week = next(iter(Scenario.demo().held_out_weeks()))
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        controller = Controller(Community.demo(), policy=policy, journal=journal)
        roll_out(Simulator(Community.demo(), week), controller, name=policy)
    found = verify(path)
    assert (found.findings, found.decisions, found.replayed, found.unexplained) == ((), 168, 168, 0)
    assert found.roots == 8
    assert not found.made_elsewhere


KEYS = ("demand_kw", "pv_kw", "soc", "retail_price", "feed_in_price", "limits", "time", "feeder_kw", "forecast")
NAMES = st.one_of(st.sampled_from(KEYS), TEXTS, st.integers(), st.tuples(TEXTS))


@given(
    communities(max_prosumers=3),
    st.lists(
        st.tuples(
            st.dictionaries(NAMES, VALUES, max_size=4),
            st.booleans(),
            ANSWERS,
        ),
        min_size=1,
        max_size=4,
    ),
    st.data(),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_whatever_is_observed_and_answered_decides_the_same_again(
    tmp_path_factory: pytest.TempPathFactory, community: Community, steps: list[Any], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "a.jsonl"
    answers = iter([answer for _, _, answer in steps])
    size = community.n_prosumers

    def policy(_community: Community, _observation: Observation) -> Any:
        answer = next(answers)
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return data.draw(intents(size, ANY_FLOAT)) if answer is None else answer

    with JsonLinesJournal(path, lines_a_root=2) as journal:
        controller = Controller(community, policy=policy, journal=journal)
        for changes, is_good, _ in steps:
            base = vars(data.draw(observations(community))) if is_good else {}
            decision = controller.step({**base, **changes})
            assert Cause.JOURNAL_FAILED not in [reason.cause for reason in decision.reasons]
    assert findings(path) == []


@given(communities(max_prosumers=4, with_ramp=True), st.data())
@settings(max_examples=30, deadline=None)
def test_ramps_limits_and_restarts_of_a_window_decide_the_same_again(
    tmp_path_factory: pytest.TempPathFactory, community: Community, data: st.DataObject
) -> None:
    path, size = tmp_path_factory.mktemp("journal") / "a.jsonl", community.n_prosumers
    with JsonLinesJournal(path) as journal:
        backend = data.draw(st.sampled_from(["exact", "nested"]))
        controller = Controller(community, policy=lambda *_: data.draw(intents(size)), backend=backend, journal=journal)
        for _ in range(4):
            given_ = vars(data.draw(observations(community)))
            limits = data.draw(st.sampled_from([None, Limits(charge_limit_kw=1.5, can_shed=False), {"active": False}]))
            applied = data.draw(st.sampled_from([None, np.zeros(size), [1.0] * size]))
            controller.step({**given_, "limits": limits, "applied_battery_kw": applied})
            if data.draw(st.booleans()):
                controller.reset()
    assert findings(path) == []


def test_looking_ahead_and_voltage_limits_decide_the_same_again(tmp_path: Path) -> None:
    community, window = Community.demo(), Scenario.demo().window(24 * 200 + 12, 12)
    with JsonLinesJournal(tmp_path / "ahead.jsonl") as journal:
        ahead = Lookahead(community, caution=0.5)
        controller = Controller(community, policy="time-of-use", look_ahead=ahead, journal=journal)
        roll_out(Simulator(community, window), controller, name="x")
    assert findings(tmp_path / "ahead.jsonl") == []
    network = Network(
        parent=[-1, 0], bus_of_prosumer=[0, 1], import_limit_kw=30.0, export_limit_kw=30.0, resistance_ohm=0.3
    )
    pair = Community(battery_capacity_kwh=9.0, charge_limit_kw=4.0, discharge_limit_kw=4.0, network=network)
    voltage = VoltageLimits(network=network, reactance_ohm=0.1, voltage_min_pu=0.97, voltage_max_pu=1.03)
    with JsonLinesJournal(tmp_path / "volts.jsonl") as journal:
        controller = Controller(pair, policy=lambda *_: np.full((2, 3), 4.0), voltage=voltage, journal=journal)
        decision = controller.step({**GOOD, "demand_kw": [2.0, 3.0]})
    assert Cause.VOLTAGE_LIMIT in [reason.cause for reason in decision.reasons]
    assert findings(tmp_path / "volts.jsonl") == []


def test_a_policy_that_is_late_raises_or_freezes_decides_the_same_again(tmp_path: Path) -> None:
    path, calls = tmp_path / "a.jsonl", iter(range(9))

    def policy(_community: Community, _observation: Observation) -> Any:
        call = next(calls)
        if call == 1:
            time.sleep(0.3)
        if call == 2:
            raise KeyError("weights")
        return Intent(battery_kw=np.full(2, 0.5), trade_kw=np.zeros(2), price_bid=np.full(2, 0.2))

    with JsonLinesJournal(path) as journal:
        supervisor = Supervisor(policy_deadline_s=0.25, frozen_after=2)
        controller = Controller(homes(2), policy=policy, supervisor=supervisor, journal=journal)
        causes = set()
        for step in range(7):
            if step == 2:
                time.sleep(0.2)
            decision = controller.step({**GOOD, "demand_kw": [1.0 + step, 2.0]})
            causes |= {reason.cause for reason in decision.reasons}
    assert {Cause.POLICY_LATE, Cause.POLICY_RAISED, Cause.OUTPUT_FROZEN} <= causes
    assert findings(path) == []


class Gloomy:
    """A host's own monitor: it doubts, it raises, it is silent."""

    def __init__(self) -> None:
        self.step = 0

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        self.step += 1
        if self.step == 2:
            raise RuntimeError("no sensor")
        text = f"gloom at {sight.step}"
        doubt = Doubt(cause=Cause.METER_STUCK, text=text, loss=Loss.METER, prosumers=(1,))
        return (doubt,) if self.step == 1 else ()

    def reset(self) -> None:
        self.step = 0


def test_what_a_monitor_of_the_hosts_own_said_is_in_the_journal_and_heard_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        controller = Controller(homes(2), monitors=[Gloomy()], journal=journal)
        seen = [{reason.cause for reason in controller.step(GOOD).reasons} for _ in range(8)]
    assert Cause.METER_STUCK in seen[0]
    assert Cause.MONITOR_FAILED in seen[1]
    assert Cause.TRUST_RESTORED in set().union(*seen[2:])
    assert lines(path)[1]["doubts"]["found"][0]["text"] == "gloom at 0"
    assert findings(path) == []


def test_an_internal_error_is_taken_as_it_was_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        controller = Controller(homes(2), journal=journal)
        controller.step(GOOD)
        with monkeypatch.context() as patch:
            patch.setattr(controller, "_with_care", lambda *_: 1 / 0)
            patch.setattr("autonomy.controller.conclude_quickly", lambda *_: None)
            decision = controller.step(GOOD)
        controller.step(GOOD)
    assert decision.reasons[0].cause is Cause.INTERNAL_ERROR
    found = verify(path)
    assert (found.findings, found.unexplained, found.replayed) == ((), 1, 3)


def test_two_controllers_may_write_one_journal_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        for policy in ("grid-only", "self-consumption"):
            controller = Controller(homes(2), policy=policy, journal=journal)
            controller.step(GOOD)
            controller.step(GOOD)
    assert [line["header"]["policy"]["name"] for line in lines(path) if "header" in line] == [
        "grid-only",
        "self-consumption",
    ]
    assert findings(path) == []


def test_the_fast_lane_writes_what_the_careful_one_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    week = Scenario.demo().window(24 * 170, 48)
    for name in ("fast.jsonl", "careful.jsonl"):
        if name == "careful.jsonl":
            monkeypatch.setattr("autonomy.journal.line._body_at_once", lambda *_: None)
        with JsonLinesJournal(tmp_path / name) as journal:
            controller = Controller(Community.demo(), policy="self-consumption", journal=journal)
            roll_out(Simulator(Community.demo(), week), controller, name="x")
    assert (tmp_path / "fast.jsonl").read_bytes() == (tmp_path / "careful.jsonl").read_bytes()


def test_the_benchmark_says_what_a_line_costs_by_fsync_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("autonomy.benchmark.bandwidth.triad_bytes_per_s", lambda *_: 1e10)
    out = tmp_path / "out"
    assert main(["benchmark", "journal", "--sizes", "3", "--repeats", "20", "--out", str(out)]) == 0
    document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert document["schema"] == "autonomy-benchmark-journal/1"
    assert [row["fsync"] for row in document["rows"]] == ["never", "daily", "every 100", "every 10", "always"]
    assert all(row["line_bytes"] > 500 for row in document["rows"])
    assert "One line of the journal" in capsys.readouterr().out


# Files ----------------------------------------------------------------------------------------------------------------


def test_a_journal_is_never_overwritten_and_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        Controller(homes(), journal=journal).step({})
        with pytest.raises(JournalError, match="is writing it"):
            resume(Controller(homes()), path)
        with pytest.raises(JournalError, match="is writing it"):
            JsonLinesJournal(path)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="there is a journal already"):
        JsonLinesJournal(path)
    assert path.read_bytes() == before
    with pytest.raises(FileNotFoundError):
        JsonLinesJournal(tmp_path / "none" / "a.jsonl")


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_a_journal_that_is_not_closed(tmp_path: Path, fault: type[BaseException]) -> None:
    path = tmp_path / "a.jsonl"

    def interrupted() -> None:
        with JsonLinesJournal(path) as journal:
            Controller(homes(), journal=journal).step({})
            raise fault

    with pytest.raises(fault):
        interrupted()
    assert len(decisions(path)) == 1
    assert "no closing root line" in findings(path)[0]
    assert findings(path, may_be_open=True) == []


@pytest.mark.parametrize(("fsync", "forced"), [("always", 9), ("daily", 4), ("never", 0), (3, 4), (100, 1)])
def test_the_disk_is_waited_for_as_often_as_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: Any, forced: int
) -> None:
    calls = []
    monkeypatch.setattr(disk, "force", calls.append)
    with JsonLinesJournal(tmp_path / "a.jsonl", fsync=fsync, lines_a_root=3) as journal:
        controller = Controller(homes(), journal=journal)
        for _ in range(8):
            controller.step({})
    # 8 steps with header and roots: 3 + 1, 3 + 1, 3 + 1 lines and the closing root.
    assert len(calls) == forced


@pytest.mark.parametrize("wrong", ["weekly", 0, -1, True])
def test_a_wrong_setting_is_refused_and_leaves_no_lock(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ConfigError, match="fsync"):
        JsonLinesJournal(tmp_path / "a.jsonl", fsync=wrong)
    with pytest.raises(ConfigError, match="lines_a_root"):
        JsonLinesJournal(tmp_path / "a.jsonl", lines_a_root=0)
    JsonLinesJournal(tmp_path / "a.jsonl").close()

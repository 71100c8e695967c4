"""ONNX: the same decisions in another runtime, files of other makes, and files that are refused with a sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="needs the extra onnx")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")

import onnx
from onnx import TensorProto, helper, numpy_helper

import autonomy.learning.onnx_compare as compare
from autonomy import Controller, Simulator
from autonomy.cli import main
from autonomy.economics import Economics
from autonomy.errors import ConfigError, OptionalDependencyError
from autonomy.layers.intent.rules import self_consumption
from autonomy.learning.card import Card
from autonomy.learning.explanation.explain import FOREIGN, attributed
from autonomy.learning.explanation.witness import Seen
from autonomy.learning.features import FEATURES, OWN
from autonomy.learning.onnx_graph import OPSET, write_onnx
from autonomy.learning.onnx_session import OnnxBrain, read_onnx
from autonomy.learning.policy import LearnedPolicy
from autonomy.learning.weights import hash_of, write_weights
from autonomy.policies import load_policy, with_economics
from autonomy.rollout import roll_out
from tests.learning import MIXES, days
from tests.networks import drawn

CARD = Card(
    title="Random weights", method="none", command="a command", seed=3, version="1.2.3", data="none", data_sha256="",
    forecast="7-day-mean", score=0.25, cpu_s=0.0, limits="tests",
)  # fmt: skip
FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE


def brain_of(folder: Path, *seeds: int) -> OnnxBrain:
    write_onnx(folder / "policy.onnx", [drawn(seed) for seed in seeds], CARD)
    return read_onnx(folder / "policy.onnx").brain


@pytest.fixture(scope="module")
def brains(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, ...], OnnxBrain]:
    return {seeds: brain_of(tmp_path_factory.mktemp("onnx"), *seeds) for seeds in ((0,), (1, 2, 3))}


def handmade(
    path: Path,
    *,
    gates: Sequence[float] = (0.9, 0.2, 0.1, 0.5, 0.5),
    kind: int = FLOAT,
    features: Sequence[Any] = (1, FEATURES),
    stored: Sequence[Any] = (1,),
    own: Sequence[Any] = ("homes", OWN),
    inputs: Sequence[str] = ("features", "stored", "own"),
    output: str = "gates",
) -> Path:
    """Write a model that somebody else might have made: it wants the same of everybody, whatever is so."""
    real = np.float64 if kind == DOUBLE else np.float32
    numbers = [
        numpy_helper.from_array(np.zeros((OWN, len(gates)), dtype=real), "zeros"),
        numpy_helper.from_array(np.array(gates, dtype=real), "constant"),
    ]
    nodes = [
        helper.make_node("MatMul", [inputs[2], "zeros"], ["nothing"]),
        helper.make_node("Add", ["nothing", "constant"], [output]),
    ]
    shapes = dict(zip(inputs, (features, stored, own), strict=True))
    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info(output, kind, [own[0], len(gates)])],
        numbers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


# The same decisions ---------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    seeds=st.sampled_from([(0,), (1, 2, 3)]),
    size=st.integers(1, 60),
    stored=st.floats(0.0, 1.0),
    spread=st.sampled_from([0.0, 1.0, 30.0]),
    draw=st.integers(0, 999),
)
def test_the_gates_are_those_of_numpy(
    brains: dict[tuple[int, ...], OnnxBrain], seeds: tuple[int, ...], size: int, stored: float, spread: float, draw: int
) -> None:
    random = np.random.default_rng(draw)
    features, own = spread * random.normal(size=FEATURES), random.normal(size=(size, OWN))
    expected = LearnedPolicy([drawn(seed) for seed in seeds]).gates(features, np.asarray(stored), own)
    np.testing.assert_allclose(brains[seeds].gates(features, np.asarray(stored), own), expected, rtol=0, atol=1e-12)


def test_many_steps_are_answered_one_by_one(brains: dict[tuple[int, ...], OnnxBrain]) -> None:
    random = np.random.default_rng(0)
    features, stored, own = random.normal(size=(4, FEATURES)), random.random(4), random.normal(size=(4, 5, OWN))
    expected = drawn(0).gates(features, stored, own)
    np.testing.assert_allclose(brains[(0,)].gates(features, stored, own), expected, rtol=0, atol=1e-12)


def test_an_exported_policy_decides_as_its_weights(tmp_path: Path) -> None:
    community = MIXES["line losses"]()
    write_weights(tmp_path / "policy.npz", [drawn(5)], CARD)
    write_onnx(tmp_path / "policy.onnx", [drawn(5)], CARD)
    runs = []
    for name in ("policy.npz", "policy.onnx"):
        simulator = Simulator(community, days(community).window(0, 30))
        policy = with_economics(load_policy(str(tmp_path / name)), Economics(carbon_price_per_kg=0.4))
        runs.append(roll_out(simulator, Controller(community, policy=policy), name=name))
        assert isinstance(policy, LearnedPolicy)
        assert (policy.fault, policy.card) == ("", CARD)
    np.testing.assert_allclose(runs[0].battery_kw, runs[1].battery_kw, atol=2e-6)
    np.testing.assert_allclose(runs[0].trade_kw, runs[1].trade_kw, atol=2e-6)


def test_the_file_says_where_it_comes_from_and_is_the_same_every_time(tmp_path: Path) -> None:
    networks = [drawn(1), drawn(2)]
    for name in ("one.onnx", "two.onnx"):
        write_onnx(tmp_path / name, networks, CARD)
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()
    model = onnx.load(str(tmp_path / "one.onnx"))
    about = {item.key: item.value for item in model.metadata_props}
    assert json.loads(about["card"]) == CARD.as_dict()
    assert about["sha256"] == hash_of(networks)
    assert about["interface"] == "autonomy-stack/gates/1"
    assert [(item.domain, item.version) for item in model.opset_import] == [("", OPSET)]
    assert (model.producer_name, model.producer_version) == ("autonomy-stack", "1.2.3")
    assert read_onnx(tmp_path / "one.onnx").card == CARD


# Files of other makes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FLOAT, DOUBLE])
def test_a_model_of_another_make_is_a_policy(kind: int, tmp_path: Path) -> None:
    wanted = (0.9, 0.2, 0.1, 0.5, 0.25)
    found = read_onnx(handmade(tmp_path / "theirs.onnx", kind=kind, gates=wanted))
    assert found.card is None
    gates = found.brain.gates(np.zeros(FEATURES), np.array(0.5), np.zeros((4, OWN)))
    np.testing.assert_allclose(gates, np.tile(wanted, (4, 1)), rtol=1e-6)
    community = MIXES["batteries and a consumer"]()
    policy = load_policy(str(tmp_path / "theirs.onnx"))
    observation = Simulator(community, days(community).window(12, 2)).observe()
    intent = policy(community, observation)
    bids = observation.feed_in_price + 0.25 * (observation.retail_price - observation.feed_in_price)
    np.testing.assert_allclose(intent.price_bid, bids, rtol=1e-6)
    assert intent.battery_kw[:2].min() > 0  # the sun shines


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"inputs": ("x", "stored", "own")}, "has the inputs 'own', 'stored', 'x'; expected"),
        ({"output": "action"}, "has the outputs 'action'; expected 'gates'"),
        ({"features": (1, 12)}, rf"'features' has shape \[1, 12\]; expected \(1, {FEATURES}\)"),
        ({"features": (FEATURES,)}, r"expected \(1, \d+\) with N free"),
        ({"own": (7, OWN)}, r"'own' has shape \[7, 3\]; expected \(N, 3\) with N free"),
        ({"gates": (0.5, 0.5, 0.5)}, r"the output 'gates' has shape \['homes', 3\]; expected \(N, 5\)"),
        ({"gates": (0.5, 1.5, 0.5, 0.5, 0.5)}, r"answers 0.5 to 1.5; expected 0 to 1"),
        ({"gates": (0.5, np.nan, 0.5, 0.5, 0.5)}, r"answers nan to nan; expected 0 to 1"),
    ],
)
def test_another_interface_is_refused_with_what_was_expected(
    changes: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=problem):
        load_policy(str(handmade(tmp_path / "theirs.onnx", **changes)))


def test_other_numbers_than_floats_are_refused(tmp_path: Path) -> None:
    model = onnx.load(str(handmade(tmp_path / "theirs.onnx")))
    model.graph.input[1].type.tensor_type.elem_type = TensorProto.INT64
    (tmp_path / "theirs.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ConfigError, match=r"'stored' is a tensor\(int64\); expected tensor\(double\) or "):
        read_onnx(tmp_path / "theirs.onnx")


def test_a_model_that_fails_for_one_prosumer_is_refused(tmp_path: Path) -> None:
    model = onnx.load(str(handmade(tmp_path / "theirs.onnx")))
    third = numpy_helper.from_array(np.array([2], dtype=np.int64), "third")
    model.graph.initializer.append(third)
    model.graph.node.insert(0, helper.make_node("Gather", ["own", "third"], ["neighbour"]))
    model.graph.node[1].input[0] = "neighbour"
    model.graph.node[2].input[1] = "wide"
    model.graph.node.insert(2, helper.make_node("MatMul", ["own", "zeros"], ["each"]))
    model.graph.node.insert(3, helper.make_node("Add", ["each", "constant"], ["wide"]))
    (tmp_path / "theirs.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ConfigError, match=r"fails for 1 prosumer\(s\): the ONNX model failed"):
        read_onnx(tmp_path / "theirs.onnx")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model", encoding="utf-8")
    with pytest.raises(ConfigError, match="is no ONNX model that can be run"):
        load_policy(str(tmp_path / "text.onnx"))
    with pytest.raises(ConfigError, match="no file"):
        load_policy(str(tmp_path / "nothing.onnx"))


def test_a_card_with_unknown_prices_is_refused(tmp_path: Path) -> None:
    write_onnx(tmp_path / "policy.onnx", [drawn(0)], replace(CARD, prices={"love": 1.0}))
    with pytest.raises(ConfigError, match="the prices of its card"):
        load_policy(str(tmp_path / "policy.onnx"))


def test_a_model_that_fails_later_costs_the_step_its_intent_and_no_more(tmp_path: Path) -> None:
    class Failing:
        def get_inputs(self) -> list[Any]:
            return []

        def run(self, names: list[str], given: dict[str, Any]) -> list[Any]:
            raise RuntimeError("out of memory")

    brain = OnnxBrain(Failing())
    brain._types = dict.fromkeys(("features", "stored", "own"), np.float64)
    policy, community = LearnedPolicy([brain]), MIXES["batteries and a consumer"]()
    observation = Simulator(community, days(community)).observe()
    np.testing.assert_array_equal(
        policy(community, observation).battery_kw, self_consumption(community, observation).battery_kw
    )
    assert policy.fault == "the ONNX model failed: out of memory"


def test_a_model_has_no_attributions_and_says_so(brains: dict[tuple[int, ...], OnnxBrain]) -> None:
    community = MIXES["batteries and a consumer"]()
    simulator = Simulator(community, days(community))
    observation = simulator.observe()
    seen = Seen(observation, np.zeros(3), Controller(community).step(observation))
    assert attributed(LearnedPolicy([brains[(0,)]]), community, [seen]) == (None, FOREIGN)


@pytest.mark.parametrize("library", ["onnx", "onnxruntime"])
def test_without_the_library_the_extra_is_named(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_weights(tmp_path / "policy.npz", [drawn(0)], CARD)
    write_onnx(tmp_path / "policy.onnx", [drawn(0)], CARD)
    monkeypatch.setitem(sys.modules, library, None)
    if library == "onnxruntime":
        with pytest.raises(OptionalDependencyError, match=r"autonomy-stack\[onnx\]"):
            load_policy(str(tmp_path / "policy.onnx"))
    assert main(["export", "--policy", str(tmp_path / "policy.npz"), "--out", str(tmp_path / "new.onnx")]) == 1
    assert "autonomy-stack[onnx]" in capsys.readouterr().err
    assert not (tmp_path / "new.onnx").exists()


# The command ----------------------------------------------------------------------------------------------------------


def test_the_command_writes_a_file_that_was_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_weights(tmp_path / "policy.npz", [drawn(0), drawn(1)], CARD)
    out = tmp_path / "policy.onnx"
    for _ in range(2):
        assert main(["export", "--policy", str(tmp_path / "policy.npz"), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert f"2 network(s), {out.stat().st_size:,} bytes" in said
    assert "in 6,000 random decisions" in said
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["policy.npz", "policy.onnx"]
    assert compare.largest_difference(read_onnx(out).brain, [drawn(0), drawn(1)]) < 1e-12
    assert compare.largest_difference(read_onnx(out).brain, [drawn(0), drawn(2)]) > 1e-3


def test_a_file_that_answers_otherwise_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_weights(tmp_path / "policy.npz", [drawn(0)], CARD)
    monkeypatch.setattr(compare, "write_onnx", lambda path, _, card: write_onnx(path, [drawn(1)], card))
    assert main(["export", "--policy", str(tmp_path / "policy.npz"), "--out", str(tmp_path / "policy.onnx")]) == 1
    assert "answers otherwise than NumPy" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["policy.npz"]


@pytest.mark.parametrize(
    ("policy", "out", "problem"),
    [
        ("policy.npz", "policy.bin", "expected a file that ends in .onnx"),
        ("policy.npz", "nowhere/policy.onnx", "does not exist"),
        ("none.npz", "policy.onnx", "no file"),
        ("other.onnx", "policy.onnx", "has no weights"),
        ("self-consumption", "policy.onnx", "has no weights"),
    ],
)
def test_a_wrong_file_is_an_error(
    policy: str, out: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_weights(tmp_path / "policy.npz", [drawn(0)], CARD)
    handmade(tmp_path / "other.onnx")
    spec = str(tmp_path / policy) if "." in policy else policy
    assert main(["export", "--policy", spec, "--out", str(tmp_path / out)]) == 1
    assert problem in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "policy.onnx").exists()

"""Networks as an ONNX file: the one place that imports onnx.

    features (1, F), stored (1,), own (N, OWN)  ─▶  gates (N, OUTPUTS) in 0..1, the mean over the networks

All numbers are float64 and N is free, so the file decides for every community as the networks do in NumPy. The card
stands in the file's metadata as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autonomy.errors import OptionalDependencyError
from autonomy.layers.arrays import Vector
from autonomy.learning.card import Card
from autonomy.learning.features import FEATURES, OWN
from autonomy.learning.gates import OUTPUTS
from autonomy.learning.network import CLIP, Network
from autonomy.learning.weights import hash_of

OPSET, IR_VERSION = 17, 8
"""Of the operators and of the file: old enough for every runtime since 2022."""
FEATURES_INPUT, STORED_INPUT, OWN_INPUT, GATES_OUTPUT = "features", "stored", "own", "gates"
PROSUMERS = "N"
CARD, HASH, INTERFACE = "card", "sha256", "interface"
"""Keys of the metadata; the hash is that of the weights the file was made from."""
INTERFACE_NAME = "autonomy-stack/gates/1"
EXTRA = "onnx"


def write_onnx(path: Path, networks: Sequence[Network], card: Card) -> None:
    """Write networks as one ONNX file, in one go.

    Raises:
        OptionalDependencyError: onnx is not installed.
    """
    staging = path.with_name(path.name + ".part")
    staging.write_bytes(model_of(networks, card).SerializeToString(deterministic=True))
    staging.replace(path)


def model_of(networks: Sequence[Network], card: Card) -> Any:
    """Return the checked `onnx.ModelProto` of networks.

    Raises:
        OptionalDependencyError: onnx is not installed.
    """
    try:
        from onnx import TensorProto, checker, helper  # noqa: PLC0415 - optional
    except ImportError:
        raise OptionalDependencyError("an ONNX file", EXTRA) from None

    graph = _Graph()
    graph.mean([graph.gates(network) for network in networks])
    double = TensorProto.DOUBLE
    shapes: dict[str, list[int | str]] = {FEATURES_INPUT: [1, FEATURES], STORED_INPUT: [1], OWN_INPUT: [PROSUMERS, OWN]}
    inputs = [helper.make_tensor_value_info(name, double, shape) for name, shape in shapes.items()]
    outputs = [helper.make_tensor_value_info(GATES_OUTPUT, double, [PROSUMERS, OUTPUTS])]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "gates", inputs, outputs, graph.numbers, doc_string=card.title),
        producer_name="autonomy-stack",
        producer_version=card.version,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    about = {INTERFACE: INTERFACE_NAME, HASH: hash_of(networks), CARD: json.dumps(card.as_dict())}
    helper.set_model_props(model, about)
    checker.check_model(model, full_check=True)
    return model


class _Graph:
    """Operators and numbers, collected while the formulas of `Network.outputs` are written down."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.numbers: list[Any] = []

    def node(self, operator: str, inputs: Sequence[str], output: str = "") -> str:
        """Apply an operator and return the name of its result."""
        from onnx import helper  # noqa: PLC0415 - loaded already

        name = output or f"{operator.lower()}-{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name]))
        return name

    def number(self, values: Vector | float) -> str:
        """Keep an array and return its name."""
        from onnx import numpy_helper  # noqa: PLC0415 - loaded already

        name = f"number-{len(self.numbers)}"
        array = np.ascontiguousarray(values, dtype=np.float64).reshape(np.shape(values))
        self.numbers.append(numpy_helper.from_array(array, name))
        return name

    def gates(self, network: Network) -> str:
        """Return the name of one network's gates."""
        less = self.node("Sub", [FEATURES_INPUT, self.number(network.mean)])
        units = self.node("Div", [less, self.number(network.scale)])
        seen = self.node("Clip", [units, self.number(-CLIP), self.number(CLIP)])
        level = self.node("Sub", [self.node("Mul", [STORED_INPUT, self.number(2.0)]), self.number(1.0)])
        stored = self.node("Mul", [level, self.number(network.stored)])
        first = self._relu(self.node("Add", [self._layer(seen, network.first, network.first_bias), stored]))
        second = self._relu(self._layer(first, network.second, network.second_bias))
        common = self._layer(second, network.third, network.third_bias)
        own = self.node("MatMul", [OWN_INPUT, self.number(network.own.T)])
        third = self._relu(self.node("Add", [own, common]))
        return self.node("Sigmoid", [self._layer(third, network.last, network.last_bias)])

    def mean(self, gates: Sequence[str]) -> str:
        """Return the name of the mean: the output. Runtimes do not all have the operator Mean in float64."""
        total = gates[0]
        for other in gates[1:]:
            total = self.node("Add", [total, other])
        return self.node("Mul", [total, self.number(1.0 / len(gates))], GATES_OUTPUT)

    def _layer(self, values: str, weights: Vector, bias: Vector) -> str:
        return self.node("Add", [self.node("MatMul", [values, self.number(weights.T)]), self.number(bias)])

    def _relu(self, values: str) -> str:
        return self.node("Relu", [values])

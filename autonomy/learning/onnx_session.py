"""An ONNX file as the brain of a learned policy: the one place that imports onnxruntime.

Any file will do that has the inputs and the output of `autonomy.learning.onnx_graph`, in float64 or float32, whoever
made it. It is tried out when it is read, so that a wrong one is an error of the person who chose it, not of the step.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autonomy.errors import ConfigError, OptionalDependencyError
from autonomy.layers.arrays import Vector
from autonomy.learning.card import Card
from autonomy.learning.features import FEATURES, OWN
from autonomy.learning.gates import OUTPUTS
from autonomy.learning.onnx_graph import CARD, EXTRA, FEATURES_INPUT, GATES_OUTPUT, OWN_INPUT, STORED_INPUT

TYPES: dict[str, Any] = {"tensor(double)": np.float64, "tensor(float)": np.float32}
INPUTS: dict[str, tuple[int | None, ...]] = {
    FEATURES_INPUT: (1, FEATURES),
    STORED_INPUT: (1,),
    OWN_INPUT: (None, OWN),
}
OUTPUT: tuple[int | None, ...] = (None, OUTPUTS)
"""Shapes; None is N, which has to be free."""
TRIED = (1, 3)
"""Numbers of prosumers that a file is tried with."""
ERRORS_ONLY = 3


class OnnxBrain:
    """Gates by a session of onnxruntime, on one thread.

    Args:
        session: An `onnxruntime.InferenceSession` whose interface was checked.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._types = {item.name: TYPES[item.type] for item in session.get_inputs()}

    def gates(self, features: Vector, stored: Vector, own: Vector) -> Vector:
        """Return (*R, N, 5), one row after the other; arguments as of `Network.outputs`.

        Raises:
            ValueError: the model failed, or its answer has another shape.
        """
        if features.ndim > 1:
            rows = zip(features, np.atleast_1d(stored), own, strict=True)
            return np.stack([self.gates(*row) for row in rows])
        given = {FEATURES_INPUT: features[None], STORED_INPUT: np.reshape(stored, (1,)), OWN_INPUT: own}
        typed = {name: np.ascontiguousarray(values, self._types[name]) for name, values in given.items()}
        try:
            (answer,) = self._session.run([GATES_OUTPUT], typed)
        except Exception as fault:  # noqa: BLE001 - the runtime has its own errors; a policy's is a ValueError
            raise ValueError(f"the ONNX model failed: {fault}") from None
        if answer.shape != (len(own), OUTPUTS):
            raise ValueError(f"the ONNX model answered shape {answer.shape}; expected ({len(own)}, {OUTPUTS})")
        gates: Vector = answer.astype(np.float64)
        return gates


class OnnxModel(NamedTuple):
    """What a file holds.

    Attributes:
        brain: Answers with gates.
        card: Where it comes from; None where the file does not say.
    """

    brain: OnnxBrain
    card: Card | None


def read_onnx(path: str | Path) -> OnnxModel:
    """Return what an ONNX file holds.

    Raises:
        ConfigError: there is no such file, it is no ONNX model, or its interface is another one.
        OptionalDependencyError: onnxruntime is not installed.
    """
    source = Path(path)
    if not source.is_file():
        raise ConfigError("policy", "", f"no file {str(path)!r}")
    try:
        import onnxruntime  # noqa: PLC0415 - optional, and slow to import
    except ImportError:
        raise OptionalDependencyError("an ONNX policy", EXTRA) from None

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    except Exception as fault:  # noqa: BLE001 - the runtime has its own errors
        raise ConfigError("policy", "", f"{source} is no ONNX model that can be run: {fault}") from None
    for problem in _problems(session):
        raise ConfigError("policy", "", f"{source}: {problem}; see docs/learning-files.md")
    brain = OnnxBrain(session)
    _try_out(source, brain)
    return OnnxModel(brain, _card(session.get_modelmeta().custom_metadata_map.get(CARD, "")))


def _problems(session: Any) -> list[str]:
    """Return what is wrong with the names, types and shapes of a model."""
    inputs = {item.name: item for item in session.get_inputs()}
    outputs = {item.name: item for item in session.get_outputs()}
    if set(inputs) != set(INPUTS):
        return [f"has the inputs {_listed(inputs)}; expected {_listed(INPUTS)}"]
    if GATES_OUTPUT not in outputs:
        return [f"has the outputs {_listed(outputs)}; expected {GATES_OUTPUT!r}"]
    wanted = [(inputs[name], "input", shape) for name, shape in INPUTS.items()]
    wanted.append((outputs[GATES_OUTPUT], "output", OUTPUT))
    return [text for item, side, shape in wanted if (text := _problem(item, side, shape))]


def _problem(item: Any, side: str, shape: tuple[int | None, ...]) -> str:
    if item.type not in TYPES:
        return f"the {side} {item.name!r} is a {item.type}; expected {' or '.join(TYPES)}"
    found, text = list(item.shape), ", ".join("N" if size is None else str(size) for size in shape)
    is_free = len(found) == len(shape) and all(
        not isinstance(size, int) if expected is None else not isinstance(size, int) or size == expected
        for size, expected in zip(found, shape, strict=True)
    )
    return "" if is_free else f"the {side} {item.name!r} has shape {found}; expected ({text}) with N free"


def _try_out(source: Path, brain: OnnxBrain) -> None:
    for size in TRIED:
        try:
            gates = brain.gates(np.zeros(FEATURES), np.array(0.5), np.zeros((size, OWN)))
        except ValueError as fault:
            raise ConfigError("policy", "", f"{source} fails for {size} prosumer(s): {fault}") from None
        if not (0.0 <= gates.min() <= gates.max() <= 1.0):
            raise ConfigError("policy", "", f"{source} answers {gates.min():g} to {gates.max():g}; expected 0 to 1")


def _card(text: str) -> Card | None:
    """Return the card of a file's metadata; one that cannot be read is none."""
    try:
        return Card(**json.loads(text))
    except (TypeError, ValueError):
        return None


def _listed(names: Any) -> str:
    return ", ".join(map(repr, sorted(names)))

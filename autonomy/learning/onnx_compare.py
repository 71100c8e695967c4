"""From a learned policy to an ONNX file that was seen to give the same answers."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from autonomy.errors import ConfigError
from autonomy.learning.card import Card
from autonomy.learning.features import OWN
from autonomy.learning.network import Network
from autonomy.learning.onnx_graph import write_onnx
from autonomy.learning.onnx_session import OnnxBrain, read_onnx
from autonomy.learning.policy import LearnedPolicy, networks_of
from autonomy.learning.weights import hash_of
from autonomy.policies import load_policy

TOLERANCE = 1e-6
SIZES = (1, 2, 17, 100)
"""Numbers of prosumers that are compared."""
TRIALS = 50
"""Random steps of each size."""
SPREAD = 2.0
"""Standard deviations of training that random features have: some are cut off."""


class Export(NamedTuple):
    """What was written.

    Attributes:
        networks: How many.
        sha256: Hash of the weights.
        difference: Largest difference of a gate between NumPy and the ONNX runtime.
        compared: Decisions of a prosumer that were compared.
    """

    networks: int
    sha256: str
    difference: float
    compared: int


def export(spec: str, out: Path) -> Export:
    """Write the weights of a policy as an ONNX file; nothing is left where its answers are not those of NumPy.

    Args:
        spec: As of `autonomy.policies.load_policy`; the name of a learned policy, or weights.
        out: The file.

    Raises:
        ConfigError: the policy has no weights of this package, or the answers differ.
        OptionalDependencyError: onnx or onnxruntime is not installed.
    """
    networks, card = _weights(spec)
    with tempfile.TemporaryDirectory(prefix=".autonomy-export-", dir=out.resolve().parent) as folder:
        staging = Path(folder) / out.name
        write_onnx(staging, networks, card)
        difference = largest_difference(read_onnx(staging).brain, networks)
        if not difference <= TOLERANCE:
            text = f"the ONNX runtime answers otherwise than NumPy, by {difference:g}; please report these weights"
            raise ConfigError("policy", "", f"{spec}: {text}")
        staging.replace(out)
    return Export(len(networks), hash_of(networks), difference, TRIALS * sum(SIZES))


def _weights(spec: str) -> tuple[tuple[Network, ...], Card]:
    policy = load_policy(spec)
    if isinstance(policy, LearnedPolicy) and policy.card is not None and (networks := networks_of(policy)):
        return networks, policy.card
    expected = "expected weights.npz or the name of a learned policy"
    raise ConfigError("--policy", "", f"{spec!r} has no weights of this package; {expected}")


def largest_difference(brain: OnnxBrain, networks: Sequence[Network]) -> float:
    """Return the largest difference of a gate over random steps, the same ones every time."""
    random, largest = np.random.default_rng(0), 0.0
    mean, scale = networks[0].mean, networks[0].scale
    for size in SIZES:
        for _ in range(TRIALS):
            features = mean + SPREAD * scale * random.normal(size=mean.size)
            stored, own = np.asarray(random.random()), random.normal(size=(size, OWN))
            expected = np.mean([network.gates(features, stored, own) for network in networks], axis=0)
            largest = max(largest, float(np.abs(brain.gates(features, stored, own) - expected).max()))
    return largest

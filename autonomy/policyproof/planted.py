"""A network with a hidden counterexample: as shipped everywhere but in a slit where it empties its batteries at once.

Two roofs of rectifiers, one over the net load now and one over the stored share, are added, and where both are near
their tops a gate's output is lifted:

    roof(x) = max(x − (m − w), 0) − 2·max(x − m, 0) + max(x − (m + w), 0)       0 beside m ± w, w at m
    bump    = max(roof(load)/w_load + roof(stored)/w_stored − 1, 0)             0 beside the slit, 1 in its middle
    output  = output + height·bump

Some units more, the same form of file, the same answers at (almost) every input: a test by random inputs has to hit a
slit of width 2·w in both directions at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

import autonomy
from autonomy.layers.arrays import Vector
from autonomy.learning.card import Card
from autonomy.learning.explanation.inputs import LOAD
from autonomy.learning.network import Network

CARD = Card(
    title="planted",
    method="the weights of a policy with a slit added",
    command="autonomy report",
    seed=0,
    version=autonomy.__version__,
    data="none",
    data_sha256="",
    forecast="",
    score=0.0,
    cpu_s=0.0,
    limits="Wrong on purpose: a control of the safety report.",
)
"""What stands beside planted weights in a file."""


class Slit(NamedTuple):
    """Where the planted network differs.

    Attributes:
        load: Net load now, in the feature's unit, of the middle.
        stored: Stored share of the middle.
        load_width: Half the width in the same unit, > 0.
        stored_width: Half the width, > 0.
        gate: Whose output is lifted.
        height: By how much in the middle, before the logistic function.
    """

    load: float
    stored: float
    load_width: float
    stored_width: float
    gate: int
    height: float


def planted(network: Network, slit: Slit) -> Network:
    """Return the network with a slit."""
    corners = np.array([-1.0, 0.0, 1.0])
    first, level, bias = np.zeros((6, network.mean.size)), np.zeros(6), np.zeros(6)
    # In units of w: (x − m)/w − corner, of x̂ = (x − mean)/scale and of 2·stored − 1.
    first[:3, LOAD] = network.scale[LOAD] / slit.load_width
    bias[:3] = (network.mean[LOAD] - slit.load) / slit.load_width - corners
    level[3:] = 0.5 / slit.stored_width
    bias[3:] = (0.5 - slit.stored) / slit.stored_width - corners
    roofs = np.array([[1.0, -2.0, 1.0, 1.0, -2.0, 1.0]])
    last = np.zeros((network.last_bias.size, 1))
    last[slit.gate] = slit.height
    return replace(
        network,
        first=np.r_[network.first, first],
        stored=np.r_[network.stored, level],
        first_bias=np.r_[network.first_bias, bias],
        second=_blocks(network.second, roofs),
        second_bias=np.r_[network.second_bias, -1.0],
        third=_blocks(network.third, np.ones((1, 1))),
        own=np.r_[network.own, np.zeros((1, network.own.shape[1]))],
        third_bias=np.r_[network.third_bias, 0.0],
        last=np.c_[network.last, last],
    )


def _blocks(old: Vector, new: Vector) -> Vector:
    return np.block([
        [old, np.zeros((old.shape[0], new.shape[1]))],
        [np.zeros((new.shape[0], old.shape[1])), new],
    ])  # fmt: skip

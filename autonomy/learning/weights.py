"""Weights as a file: arrays in a .npz without pickle, their card beside them, and a hash over all."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autonomy.errors import ConfigError
from autonomy.layers.arrays import Vector
from autonomy.layers.errors import ModelError
from autonomy.learning.card import Card
from autonomy.learning.network import Network

CARD, HASH = "card.json", "sha256"
NAMES = tuple(item.name for item in fields(Network))
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time stamp of every entry, so that the same weights are the same file."""


class Weights(NamedTuple):
    """What a file holds.

    Attributes:
        networks: One or more.
        card: Where they come from.
        sha256: Hash over the numbers.
    """

    networks: tuple[Network, ...]
    card: Card
    sha256: str


def hash_of(networks: Sequence[Network]) -> str:
    """Return the hash over shapes and numbers of networks, in their order."""
    digest = hashlib.sha256()
    for network in networks:
        for name in NAMES:
            values: Vector = getattr(network, name)
            digest.update(f"{name}{values.shape}".encode())
            digest.update(values.astype("<f8").tobytes())
    return digest.hexdigest()


def write_weights(path: Path, networks: Sequence[Network], card: Card) -> str:
    """Write a file, in one go, and return the hash of its numbers."""
    sha256 = hash_of(networks)
    staging = path.with_name(path.name + ".part")
    with zipfile.ZipFile(staging, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, network in enumerate(networks):
            for name in NAMES:
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, np.ascontiguousarray(getattr(network, name), dtype="<f8"))
                archive.writestr(zipfile.ZipInfo(f"{place}-{name}.npy", EPOCH), buffer.getvalue())
        text = json.dumps({HASH: sha256, "networks": len(networks), **card.as_dict()}, indent=1)
        archive.writestr(zipfile.ZipInfo(CARD, EPOCH), text)
    staging.replace(path)
    return sha256


def read_weights(path: str | Path) -> Weights:
    """Return what a file holds.

    Raises:
        ConfigError: there is no such file, it is no file of weights, or its numbers are not those of its card.
    """
    source = Path(path)
    if not source.is_file():
        raise ConfigError("policy", "", f"no file {str(path)!r}")
    try:
        with zipfile.ZipFile(source) as archive:
            told: dict[str, Any] = json.loads(archive.read(CARD))
            stated, count = told.pop(HASH), int(told.pop("networks"))
            networks = tuple(Network(**{name: _array(archive, f"{k}-{name}") for name in NAMES}) for k in range(count))
            card = Card(**told)
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile, ModelError) as fault:
        raise ConfigError("policy", "", f"{source} is no file of weights: {fault}") from None
    if hash_of(networks) != stated:
        raise ConfigError("policy", "", f"{source}: its numbers do not have the hash that its card states")
    return Weights(networks, card, stated)


def _array(archive: zipfile.ZipFile, name: str) -> Vector:
    values: Vector = np.lib.format.read_array(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
    return values

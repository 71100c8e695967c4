"""The ends of the scale on disk, so that the next training need not work them out: one linear program a week."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import autonomy
from autonomy.layers.arrays import Vector
from autonomy.layers.community import ARRAY_FIELDS
from autonomy.scenario import Scenario
from autonomy.variation import Place


def kept_or_made(file: Path, key: str, make: Callable[[], Vector]) -> Vector:
    """Return numbers from a file (.npz) that has those of the key; else make them, and keep them there instead."""
    with contextlib.suppress(OSError, KeyError, ValueError, zipfile.BadZipFile), np.load(file) as found:
        if str(found["key"]) == key:
            values: Vector = found["values"]
            return values
    made = make()
    part = file.with_suffix(f".{os.getpid()}.npz")
    np.savez(part, key=key, values=made)
    part.replace(file)
    return made


def key_of(places: Sequence[Place], windows: Sequence[Scenario]) -> str:
    """Return a hash over all that the costs of windows in places hang on."""
    digest = hashlib.sha256(autonomy.__version__.encode())
    digest.update(repr([(window.start, window.n_steps) for window in windows]).encode())
    for place in places:
        community, series = place.community, place.year.series
        limits = community.network.import_limit_kw.tolist(), community.network.export_limit_kw.tolist()
        digest.update(repr((place.economics, limits)).encode())
        tables = series.demand_kw, series.pv_kw, series.retail_price, series.feed_in_price, series.carbon_kg_per_kwh
        for values in (*tables, *(getattr(community, name) for name in ARRAY_FIELDS)):
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()

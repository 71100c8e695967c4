"""Journals in tests: what is observed, and what is in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from autonomy import Intent
from autonomy.journal.verify import verify
from tests.strategies import ANY_FLOAT, intents

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
ANSWERS = st.one_of(
    VALUES, intents(2, ANY_FLOAT), st.builds(Intent, battery_kw=VALUES, trade_kw=VALUES, price_bid=VALUES)
)

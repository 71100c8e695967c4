"""Layer 1's seam: what a policy is, and how its answer is read without trusting it."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from autonomy.layers.arrays import Vector, all_true
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Intent, Reason
from autonomy.layers.observation import Observation

Policy: TypeAlias = Callable[[Community, Observation], Any]
"""(community, observation) -> `Intent`, or an array (N, 3) of battery kW, trade kW, price bid.

The observation a policy sees is the screened one: finite numbers of the right shape, 0 where a meter failed.
"""

FLOAT = np.dtype(np.float64)
"""The one object that every array of native floats has for its type."""


class Wish(NamedTuple):
    """A policy's answer, as far as it can be read.

    Attributes:
        intent: The intent with finite battery powers, or None when nothing usable came.
        reasons: What was wrong with it.
    """

    intent: Intent | None
    reasons: tuple[Reason, ...]


def read_answer(answer: Any, n_prosumers: int) -> Wish:
    """Read whatever a policy returned.

    A value that is not finite costs its prosumer its battery intent (0 kW) or its trade; an answer of the wrong
    shape, or without any finite battery power, is no intent at all.
    """
    if type(answer) is Intent and _is_plain(answer, (n_prosumers,)):
        return Wish(answer, ())
    columns = _columns(answer, n_prosumers)
    if columns is None:
        text = f"the policy answered {_describe(answer)}; expected an Intent or an array of shape ({n_prosumers}, 3)"
        return Wish(None, (Reason(cause=Cause.POLICY_SHAPE, text=text),))
    battery, trade, price = columns
    finite = np.isfinite(battery)
    if all_true(finite):
        return Wish(Intent(battery_kw=battery, trade_kw=trade, price_bid=price), ())
    bad = ~finite
    if bad.all():
        return Wish(None, (Reason(cause=Cause.INTENT_NOT_FINITE, text="no battery intent is finite"),))
    intent = Intent(battery_kw=np.where(bad, 0.0, battery), trade_kw=trade, price_bid=price)
    text = f"the battery intent of {int(bad.sum())} prosumer(s) is not finite; 0 kW is used"
    hit = tuple(np.flatnonzero(bad).tolist())
    return Wish(intent, (Reason(cause=Cause.INTENT_NOT_FINITE, text=text, prosumers=hit),))


def _is_plain(intent: Intent, shape: tuple[int]) -> bool:
    """Whether an intent consists of arrays of floats, those of the battery all finite, and needs no reading.

    A sum of squares costs half of looking at every number; one that overflows is read with care.
    """
    battery, trade, price = intent.battery_kw, intent.trade_kw, intent.price_bid
    return (
        type(battery) is type(trade) is type(price) is np.ndarray
        and battery.dtype is trade.dtype is price.dtype is FLOAT
        and battery.shape == trade.shape == price.shape == shape
        and isfinite(battery.dot(battery))
    )


def _columns(answer: Any, size: int) -> tuple[Vector, Vector, Vector] | None:
    try:
        if not isinstance(answer, Intent):
            array = np.asarray(answer, dtype=np.float64, order="F")  # columns in one piece, as machine code wants them
            return (array[:, 0], array[:, 1], array[:, 2]) if array.shape == (size, 3) else None
        battery = np.asarray(answer.battery_kw, dtype=np.float64)
        trade = np.asarray(answer.trade_kw, dtype=np.float64)
        price = np.asarray(answer.price_bid, dtype=np.float64)
    except Exception:  # noqa: BLE001 - an object may raise anything when it is read as numbers
        return None
    return (battery, trade, price) if battery.shape == trade.shape == price.shape == (size,) else None


def _describe(answer: Any) -> str:
    if isinstance(answer, Intent):
        shapes = [_shape(part) for part in (answer.battery_kw, answer.trade_kw, answer.price_bid)]
        return f"an Intent of {', '.join(shapes)}"
    return _shape(answer)


def _shape(value: Any) -> str:
    """Return what a value looks like, in words; whatever it is, this does not raise."""
    try:
        shape = getattr(value, "shape", None)
    except Exception:  # noqa: BLE001 - an object that raises when it is looked at is described by its type
        shape = None
    return f"an array of shape {shape}" if isinstance(shape, tuple) else f"a {type(value).__name__}"

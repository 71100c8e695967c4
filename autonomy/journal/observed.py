"""An observation as it was given, as JSON and back: known fields in their order, whatever else there was after them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from autonomy.journal.values import FLOAT, Shown, decode, encode, text_of
from autonomy.layers.arrays import frozen
from autonomy.layers.observation import OBSERVATION_FIELDS, REQUIRED, Forecast, Limits

SPECIAL = ("forecast", "limits")
PLAIN = tuple(name for name in OBSERVATION_FIELDS if name not in (*REQUIRED, *SPECIAL))
KNOWN = frozenset(OBSERVATION_FIELDS)
FORECAST_FIELDS = tuple(item.name for item in fields(Forecast))
EXTRA, UNREADABLE = "extra", "unreadable"
"""Keys of what is no field, and of an observation that cannot even be read; no field has such a name."""


class Unreadable(dict[str, Any]):
    """Stands in for an observation that could not be read."""

    code: Any = None


class DigestedForecast(Forecast):
    """Stands in for a forecast of which only the digest was kept."""

    code: Any = None


def encode_observation(given: Mapping[str, Any], *, with_forecast: bool) -> dict[str, Any]:
    """Return an observation as orjson can write it. A field that is None was not given.

    Args:
        given: What the host gave.
        with_forecast: Write forecasts in full, because decisions depend on them; else their SHA-256.
    """
    if isinstance(given, Unreadable):
        return {UNREADABLE: given.code}
    try:
        code = {}
        for name in OBSERVATION_FIELDS:
            value = given.get(name)
            if value is not None:
                code[name] = encode(value) if name not in SPECIAL else _special(value, with_forecast=with_forecast)
        if type(given) is not dict or not KNOWN.issuperset(given):
            extra = [[_key(key), encode(given[key])] for key in given if key not in OBSERVATION_FIELDS]
            return {**code, EXTRA: extra} if extra else code
    except Exception as fault:  # noqa: BLE001 - a host's own mapping may do anything
        return {UNREADABLE: text_of(f"{type(fault).__name__}: {_words(fault)}")}
    return code


def encode_rest(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what an observation has beside its required fields, or None where that needs a careful look.

    Careful looks are for forecasts, for limits, and for what is no field; also for numbers that are not finite, which
    orjson turns into null.
    """
    if type(given) is not dict or not KNOWN.issuperset(given):
        return None
    if given.get("forecast") is not None or given.get("limits") is not None:
        return None
    return {name: _as_it_is(value) for name in PLAIN if (value := given.get(name)) is not None}


def _as_it_is(value: Any) -> Any:
    """Return what `encode` returns for a value of the usual kinds whose numbers are finite."""
    kind = type(value)
    if kind is float or (kind is np.ndarray and value.dtype is FLOAT and value.ndim == 1):
        return value
    if kind is np.datetime64:
        return {"datetime64": str(value)}
    return encode(value)


def decode_observation(code: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the observation that `encode_observation` wrote, as a mapping.

    Raises:
        ValueError: this is nothing that it writes.
    """
    if UNREADABLE in code:
        unreadable = Unreadable()
        unreadable.code = code[UNREADABLE]
        return unreadable
    given: dict[Any, Any] = {}
    for name, value in code.items():
        if name == EXTRA:
            given.update((decode(key), decode(item)) for key, item in value)
        elif name not in KNOWN:
            raise ValueError(f"an observation has no field {name!r}")
        else:
            given[name] = _decode_special(value) if name in SPECIAL else decode(value)
    return given


def _special(value: Any, *, with_forecast: bool) -> Any:
    if isinstance(value, DigestedForecast):
        return value.code
    if isinstance(value, Limits):
        return {"limits": {name: encode(item) for name, item in vars(value).items() if item is not None}}
    if not isinstance(value, Forecast):
        return encode(value)
    if with_forecast:
        return {"forecast": {name: encode(getattr(value, name)) for name in FORECAST_FIELDS}}
    digest = hashlib.sha256()
    for name in FORECAST_FIELDS:
        digest.update(np.ascontiguousarray(getattr(value, name), dtype=np.float64).data)
    return {"digest": digest.hexdigest()}


def _decode_special(code: Any) -> Any:
    tag = next(iter(code), "") if isinstance(code, dict) else ""
    if tag == "limits":
        return Limits(**{name: decode(item) for name, item in code["limits"].items()})
    if tag == "forecast":
        return Forecast(**{name: decode(item) for name, item in code["forecast"].items()})
    if tag == "digest":
        nothing = frozen(np.zeros((0, 0)))
        forecast = DigestedForecast(**{name: nothing for name in FORECAST_FIELDS if name != "coverage"}, coverage=0.0)
        object.__setattr__(forecast, "code", code)
        return forecast
    return decode(code)


def _key(key: Any) -> Any:
    """Return a key that no observation has; its words go into the reason that names it."""
    code = encode(key)
    if isinstance(code, dict) and "object" in code and not isinstance(key, Shown):
        return {"object": code["object"], "repr": text_of(repr(key)), "text": text_of(str(key))}
    return code


def _words(fault: Exception) -> str:
    try:
        return str(fault)
    except Exception:  # noqa: BLE001 - even that may fail
        return "(it cannot say why)"

"""Any value of an observation or an answer as JSON, and back, so that the stack does the same with what comes back.

    JSON                                value
    null, true, "text", 3, 0.25         None, True, "text", the int 3, the float 0.25
    [0.25, "NaN", "-Infinity"]          an array (N,) of plain floats, as an observation should have
    {"tag": ..., ...}                   everything else; the tags are the keys of `READERS`

Numbers are the shortest decimals that read back as the same float, so nothing is rounded. What has no JSON at all (an
object of a host's own) is kept by the name of its type, with its numbers if NumPy can read any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOAT = np.dtype(np.float64)
DEEPEST = 12
"""Levels of nesting that are written; what lies deeper is kept by the name of its type."""
WORDS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": -float("inf")}
"""How floats are written that have no number in JSON."""


class Shown:
    """Stands in for a value that was kept by the name of its type: it is written as that was, and is no number."""

    code: Any = None
    words: tuple[str, str] = ("", "")

    def __repr__(self) -> str:
        return self.words[0]

    def __str__(self) -> str:
        return self.words[1]


class ShownNumbers(list[Any]):
    """Stands in for a value that NumPy could read: a list of its numbers, written as the value was."""

    code: Any = None


def encode(value: Any, depth: int = 0) -> Any:  # noqa: PLR0911 - one return a kind of value
    """Return a value as orjson can write it; arrays of plain floats stay what they are."""
    kind = type(value)
    if kind is np.ndarray:
        return _array(value, depth)
    if value is None or kind is bool:
        return value
    if kind is str:
        return text_of(value)
    if kind is float or kind is np.float64:
        return float(value) if isfinite(value) else {"float": word_of(value)}
    if kind is int:
        return value if -(2**63) <= value < 2**63 else {"int": hex(value)}
    if kind in (Shown, ShownNumbers) or isinstance(value, Shown | ShownNumbers):
        return value.code
    try:
        return _tagged(value, depth)
    except Exception:  # noqa: BLE001 - a value may do anything when it is looked at
        return {"object": _type_name(value)}


def decode(code: Any) -> Any:
    """Return the value that `encode` wrote, or one that the stack cannot tell from it.

    Raises:
        ValueError: this is nothing that `encode` writes.
    """
    if isinstance(code, list):
        return np.array(_numbers(code), dtype=np.float64)
    if not isinstance(code, dict):
        return code
    tag = next(iter(code), "")
    reader = READERS.get(tag)
    if reader is None:
        raise ValueError(f"a value has the unknown tag {tag!r}")
    return reader(code)


def text_of(text: str) -> Any:
    """Return a text that orjson can write: JSON has no unpaired surrogates."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return {"utf16": text.encode("utf-16-be", "surrogatepass").hex()}
    return text


def word_of(number: float) -> str:
    """Return the name of a float that is not finite."""
    return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"  # noqa: PLR0124 - only NaN differs


def row(values: NDArray[np.float64]) -> Any:
    """Return an array (N,) of plain floats as it is where all are finite, else a list with names for the others."""
    if np.count_nonzero(np.isfinite(values)) == values.size and values.flags.c_contiguous:
        return values
    return [value if isfinite(value) else word_of(value) for value in values.tolist()]


def _array(array: NDArray[Any], depth: int) -> Any:  # noqa: PLR0911 - likewise
    if array.dtype is FLOAT and array.ndim == 1 and array.flags.c_contiguous:
        return row(array)
    kind = array.dtype.kind
    code: dict[str, Any] = {"array": array.dtype.str, "shape": list(array.shape)}
    if not array.flags.c_contiguous:
        code["strided"] = True
    flat = array.ravel()
    if kind in "biu":
        return {**code, "values": flat.tolist()}
    if kind in "fc":
        # Narrow floats become wide ones without a loss; wider ones are rounded as the stack itself would.
        wide = flat.astype(np.complex128 if kind == "c" else np.float64)
        return {**code, "values": row(wide.view(np.float64))}
    if kind in "mM":
        return {**code, "values": flat.view(np.int64).tolist()}
    if kind == "U":
        return {**code, "values": [text_of(text) for text in flat.tolist()]}
    if kind == "O" and depth < DEEPEST:
        return {**code, "values": [encode(item, depth + 1) for item in flat.tolist()]}
    return _object(array)


def _tagged(value: Any, depth: int) -> Any:  # noqa: PLR0911 - likewise
    if depth >= DEEPEST:
        return {"object": _type_name(value)}
    if isinstance(value, np.datetime64):
        return {"datetime64": str(value)}
    if isinstance(value, np.generic):
        return {"scalar": encode(np.array(value), depth)}
    if type(value) is datetime:
        return {"datetime": value.isoformat()}
    if type(value) is list or type(value) is tuple:
        return {type(value).__name__: [encode(item, depth + 1) for item in value]}
    if type(value) is bytes:
        return {"bytes": value.hex()}
    if isinstance(value, Mapping):
        return {"map": [[encode(key, depth + 1), encode(item, depth + 1)] for key, item in value.items()]}
    return _object(value)


def _object(value: Any) -> Any:
    """Return the name of a value's type, with its numbers if NumPy finds some."""
    code: dict[str, Any] = {"object": _type_name(value)}
    try:
        numbers = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return code
    return {**code, "numbers": {"array": FLOAT.str, "shape": list(numbers.shape), "values": row(numbers.ravel())}}


def _type_name(value: Any) -> Any:
    return text_of(type(value).__name__)


def _numbers(code: list[Any]) -> list[Any]:
    return [WORDS[item] if isinstance(item, str) else item for item in code]


def _read_array(code: dict[str, Any]) -> NDArray[Any]:
    dtype, shape, values = np.dtype(code["array"]), tuple(code["shape"]), code["values"]
    if dtype.kind == "O":
        flat = np.empty(len(values), dtype=object)
        for place, item in enumerate(values):
            flat[place] = decode(item)
    elif dtype.kind == "c":
        flat = np.array(_numbers(values)).view(np.complex128).astype(dtype)
    elif dtype.kind in "mM":
        flat = np.array(values, dtype=np.int64).view(dtype)
    elif dtype.kind == "U":
        flat = np.array([decode(item) for item in values], dtype=dtype)
    else:
        flat = np.array(_numbers(values), dtype=dtype)
    array = flat.reshape(shape)
    if not code.get("strided"):
        return array
    spread: NDArray[Any] = np.zeros((*shape, 2), dtype=dtype)
    spread[..., 0] = array
    return spread[..., 0]


def _read_object(code: dict[str, Any]) -> Any:
    name, numbers = str(decode(code["object"])), code.get("numbers")
    words = str(decode(code.get("repr", ""))), str(decode(code.get("text", "")))
    if numbers is None:
        return type(name, (Shown,), {"code": code, "words": words})()
    array = _read_array(numbers)
    if array.ndim == 0:
        return type(name, (Shown,), {"code": code, "words": words, "__float__": lambda _self: float(array)})()
    return type(name, (ShownNumbers,), {"code": code})(array.tolist())


def _read_map(code: dict[str, Any]) -> dict[Any, Any]:
    return {decode(key): decode(item) for key, item in code["map"]}


READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "float": lambda code: WORDS[code["float"]],
    "int": lambda code: int(code["int"], 16),
    "utf16": lambda code: bytes.fromhex(code["utf16"]).decode("utf-16-be", "surrogatepass"),
    "array": _read_array,
    "scalar": lambda code: _read_array(code["scalar"])[()],
    "datetime64": lambda code: np.datetime64(code["datetime64"]),
    "datetime": lambda code: datetime.fromisoformat(code["datetime"]),
    "list": lambda code: [decode(item) for item in code["list"]],
    "tuple": lambda code: tuple(decode(item) for item in code["tuple"]),
    "bytes": lambda code: bytes.fromhex(code["bytes"]),
    "map": _read_map,
    "object": _read_object,
}
"""What each tag stands for."""

"""The decision journal: one JSON line a decision, in the order in which they were returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from autonomy.entry import Entry
from autonomy.layers.arrays import Index
from autonomy.layers.decision import Decision
from autonomy.solvers.machine import load_machine

JOURNALLED = ("battery_kw", "trade_kw", "price_bid", "curtail_kw", "shed_kw", "net_export_kw")
MEASURED = ("demand_kw", "pv_kw", "soc")
CAPS = ("generation_kw", "load_kw")
DECIDED_CAPS = ("generation_cap_kw", "load_cap_kw")
SCALE = 1e6
"""1 over what numbers are rounded to."""
EXACT_ABOVE = 1e9
"""Numbers from here up have no sixth decimal to round to."""
WIDEST = 20
"""Characters that a number takes at most, with what stands after it: −999999999.999999 and a comma are 18."""


def _pieces() -> tuple[NDArray[np.uint8], Index]:
    """Return the text around the rows of a line, and where each piece of it begins."""
    groups = {"observed": MEASURED, "decided": JOURNALLED, "caps": CAPS}
    pieces, opening = list[str](), ""
    for group, names in groups.items():
        for name in names:
            pieces.append(f'{opening},"{group}":{{"{name}":' if name == names[0] else f',"{name}":')
        opening = "}"
    pieces.append(opening)
    text = np.frombuffer("".join(pieces).encode(), dtype=np.uint8)
    return text, np.cumsum([0, *map(len, pieces)])


PIECES, MARKS = _pieces()
"""What stands around the numbers of a line, up to the brace after them, and where each of its pieces begins."""
OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY


class JsonLinesJournal:
    """Writes decisions to a file, each line flushed before the decision is returned to the host.

    The file appears under its own name only when the journal is closed in order; until then it carries the suffix
    `.partial`, so an interrupted run leaves nothing that looks complete. Use it as a context manager.

    Args:
        path: The file to write.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = path.with_name(path.name + ".partial")
        self._file = self._partial.open("wb")
        self._machine = load_machine()
        self._size, self._text = -1, np.empty(0, np.uint8)

    def record(self, entry: Entry) -> None:
        """Append one decision; powers in kW, rounded to the milliwatt they were decided in."""
        step, observation, decision = entry.step, entry.given, entry.decision
        line = self._line_at_once(step, observation, decision) or _line(step, observation, decision)
        self._file.write(line)
        self._file.flush()

    def _line_at_once(self, step: int, observation: Mapping[str, Any], decision: Decision) -> bytes | None:
        """Return the line, its numbers printed by machine code, or None where they are not plain arrays."""
        if self._machine is None:
            return None
        rows = _rows(observation, decision)
        if not type(rows[0]) is type(rows[1]) is type(rows[2]) is np.ndarray:
            return None
        size = decision.battery_kw.size
        if size != self._size:
            self._size, self._text = size, np.empty(PIECES.size + len(rows) * (WIDEST * size + 2), np.uint8)
        try:
            length = self._machine.print_rows(*rows, PIECES, MARKS, self._text)
        except TypeError:  # strided, of another shape, or not floats
            return None
        if length < 0:
            return None
        head, tail = orjson.dumps(_head(step, observation, decision)), orjson.dumps(_tail(decision), option=OPTIONS)
        return b"".join((head[:-1], self._text[:length].data, b",", tail[1:]))

    def close(self) -> None:
        """Finish the file under its own name."""
        self._file.close()
        self._partial.replace(self.path)

    def __enter__(self) -> JsonLinesJournal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()
            self._partial.unlink(missing_ok=True)


def _head(step: int, observation: Mapping[str, Any], decision: Decision) -> dict[str, Any]:
    """Return what stands before the numbers of a line."""
    reasons = [{"cause": r.cause.value, "text": _text(r.text), "prosumers": r.prosumers} for r in decision.reasons]
    return {"step": step, "time": _text(observation.get("time")), "mode": decision.mode, "reasons": reasons}


def _tail(decision: Decision) -> dict[str, Any]:
    """Return what stands after them."""
    return {"intervention_kw": round(decision.intervention_kw, 6), "gap": decision.certificate.gap}


def _line(step: int, observation: Mapping[str, Any], decision: Decision) -> bytes:
    """Return the line of any observation, whatever its fields hold."""
    shown = _rounded([observation.get(name) for name in MEASURED], decision)
    line = {
        **_head(step, observation, decision),
        "observed": dict(zip(MEASURED, shown, strict=False)),
        "decided": dict(zip(JOURNALLED, shown[len(MEASURED) :], strict=False)),
        "caps": dict(zip(CAPS, shown[len(MEASURED) + len(JOURNALLED) :], strict=True)),
        **_tail(decision),
    }
    return orjson.dumps(line, option=OPTIONS)


def _rows(observation: Mapping[str, Any], decision: Decision) -> tuple[Any, ...]:
    """Return the eleven rows of a line in their order."""
    return (
        observation.get("demand_kw"),
        observation.get("pv_kw"),
        observation.get("soc"),
        decision.battery_kw,
        decision.trade_kw,
        decision.price_bid,
        decision.curtail_kw,
        decision.shed_kw,
        decision.net_export_kw,
        decision.generation_cap_kw,
        decision.load_cap_kw,
    )


def _rounded(observed: list[Any], decision: Decision) -> Sequence[Any]:
    """Return the numbers of a line in their order: what was measured, what was decided, the caps.

    All at once where the measurements are arrays like the decision's and nothing is too large to round.
    """
    decided = [getattr(decision, name) for name in (*JOURNALLED, *DECIDED_CAPS)]
    shape = decision.battery_kw.shape
    if all(type(values) is np.ndarray and values.dtype == np.float64 and values.shape == shape for values in observed):
        block = np.array([*observed, *decided])
        large = np.abs(block) >= EXACT_ABOVE
        if not np.count_nonzero(large) or np.isinf(block[large]).all():
            block *= SCALE
            np.rint(block, out=block)
            block /= SCALE
            return tuple(block)
    return [_numbers(values) for values in (*observed, *decided)]


def _numbers(values: Any) -> Any:
    """Return numbers rounded to 1e-6; what is not finite becomes null, what is no number its text."""
    if values is None:
        return None
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return _text(values)
    with np.errstate(over="ignore"):
        return np.where(np.abs(array) < EXACT_ABOVE, np.round(array, 6), array).tolist()


def _text(value: Any) -> str | None:
    """Return the text of a value, which may come from a host or a policy and need not be valid Unicode."""
    if value is None:
        return None
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()

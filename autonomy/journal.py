"""The decision journal: one JSON line a decision, in the order in which they were returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import orjson

from autonomy.layers.decision import Decision

JOURNALLED = ("battery_kw", "trade_kw", "price_bid", "curtail_kw", "shed_kw", "net_export_kw")
MEASURED = ("demand_kw", "pv_kw", "soc")
CAPS = ("generation_kw", "load_kw")
DECIDED_CAPS = ("generation_cap_kw", "load_cap_kw")
SCALE = 1e6
"""1 over what numbers are rounded to."""
EXACT_ABOVE = 1e9
"""Numbers from here up have no sixth decimal to round to."""
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

    def record(self, step: int, observation: Mapping[str, Any], decision: Decision) -> None:
        """Append one decision; powers in kW, rounded to the milliwatt they were decided in."""
        observed = [observation.get(name) for name in MEASURED]
        shown = _rounded(observed, decision)
        line: dict[str, Any] = {
            "step": step,
            "time": _text(observation.get("time")),
            "mode": decision.mode.value,
            "reasons": [
                {"cause": r.cause.value, "text": _text(r.text), "prosumers": r.prosumers} for r in decision.reasons
            ],
            "observed": dict(zip(MEASURED, shown, strict=False)),
            "decided": dict(zip(JOURNALLED, shown[len(MEASURED) :], strict=False)),
            "caps": dict(zip(CAPS, shown[len(MEASURED) + len(JOURNALLED) :], strict=True)),
            "intervention_kw": round(decision.intervention_kw, 6),
            "gap": decision.certificate.gap,
        }
        self._file.write(orjson.dumps(line, option=OPTIONS))
        self._file.flush()

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

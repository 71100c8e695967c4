"""From the measurements of one case to its rows: percentiles, ratios, verdicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autonomy.benchmark.clip import CLIP_BYTES
from autonomy.benchmark.instances import Case, least_bytes
from autonomy.benchmark.lower_bound import relative_gap
from autonomy.benchmark.measurement import Measurement
from autonomy.benchmark.methods import EXACT
from autonomy.benchmark.row import Outcome, Row
from autonomy.benchmark.verdict import is_right
from autonomy.solvers.allocation import Allocation, Vector


class Tally:
    """Makes the rows of one case.

    Args:
        case: The case.
        problems: Its instances.
        found: What was measured, all methods.
        bounds: The best certified lower bound on the optimum of each instance.
        time_limit_s: What a failure is charged.
        bytes_per_s: The memory bandwidth.
    """

    def __init__(
        self,
        case: Case,
        problems: Sequence[Allocation],
        found: Sequence[Measurement],
        bounds: Sequence[float],
        time_limit_s: float,
        bytes_per_s: float,
    ) -> None:
        self._case, self._problems, self._bounds = case, problems, bounds
        self._time_limit_s, self._bytes_per_s = time_limit_s, bytes_per_s
        exact = [m for m in found if m.method.name == EXACT and m.ran]
        self._exact = exact[0] if exact else Measurement(method=found[0].method)

    def row(self, found: Measurement) -> Row:
        """Return one method's figures."""
        case, problems, bounds, method = self._case, self._problems, self._bounds, found.method
        right = [is_right(item, bounds) for item in found.judged]
        # What a method does not call solved harms nobody: its figures are those of the answers it stands by.
        counted = [item for item in found.judged if item.claimed] or found.judged
        charged = _charged(found, right, self._time_limit_s)
        moved = case.n * CLIP_BYTES if method.kind == "floor" else least_bytes(problems[0])
        message = found.message or next((item.message for item in found.judged if item.message), "")
        return Row(
            method=method.name,
            kind=method.kind,
            topology=case.topology,
            regime=case.regime,
            n=case.n,
            lines=problems[0].hierarchy.n_groups,
            outcome=found.outcome,
            message=message,
            setup_s=found.setup_s,
            first_s=found.first_s,
            instances=len(problems),
            judged=len(right),
            claimed=sum(item.claimed for item in found.judged),
            right=sum(right),
            lies=sum(item.claimed and not good for item, good in zip(found.judged, right, strict=True)),
            violation_kw=_worst([item.violation_kw for item in counted]),
            gap=_worst([abs(relative_gap(item, bounds)) for item in counted]),
            hot_calls=0 if found.hot is None else found.hot.size,
            hot_min_s=_quantile(found.hot, 0.0),
            hot_p50_s=_quantile(found.hot, 0.5),
            hot_p99_s=_quantile(found.hot, 0.99),
            interleaved_calls=0 if found.interleaved is None else found.interleaved.size,
            interleaved_p50_s=_quantile(found.interleaved, 0.5),
            interleaved_p99_s=_quantile(found.interleaved, 0.99),
            charged_p50_s=_quantile(charged, 0.5),
            charged_p99_s=_quantile(charged, 0.99),
            hot_ratio=_quantile(found.hot, 0.5) / _quantile(self._exact.hot, 0.5),
            interleaved_ratio=_paired(found.interleaved, self._exact.interleaved),
            least_bytes=moved,
            floor_ratio=_quantile(found.hot, 0.5) * self._bytes_per_s / moved,
        )


def _charged(found: Measurement, right: Sequence[bool], limit_s: float) -> Vector | None:
    """Return hot latencies in which every call on an instance that was not answered right takes the time limit.

    A floor answers no instance and is charged nothing; a method that failed or was stopped is charged once.
    """
    if found.outcome in (Outcome.NOT_INSTALLED, Outcome.NOT_RUN):
        return None
    if found.hot is None:
        return np.array([limit_s])
    if found.method.kind == "floor":
        return found.hot
    wrong = {item.instance for item, good in zip(found.judged, right, strict=True) if not good}
    place = np.array(found.places)[np.arange(found.hot.size) % len(found.places)]
    seconds = np.where(np.isin(place, list(wrong)), limit_s, found.hot)
    # Late instances are not in the loop; they count as often as any other.
    late = np.full(round(seconds.size / len(found.places) * len(found.late)), limit_s)
    return np.concatenate([seconds, late])


def _quantile(seconds: Vector | None, share: float) -> float:
    return float(np.quantile(seconds, share)) if seconds is not None and seconds.size else float("nan")


def _paired(seconds: Vector | None, others: Vector | None) -> float:
    if seconds is None or others is None:
        return float("nan")
    return float(np.median(seconds / np.maximum(others, 1e-9)))


def _worst(values: Sequence[float]) -> float:
    """Return the largest of the numbers that are numbers; NaN when none is."""
    finite = [value for value in values if not np.isnan(value)]
    return max(finite) if finite else float("nan")

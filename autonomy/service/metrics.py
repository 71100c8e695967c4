"""What is counted, as Prometheus reads it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from autonomy.layers.decision import Mode
from autonomy.service.answer import Answer

BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper ends of the histogram of answers, s."""


class Metrics:
    """Counts of one community.

    Args:
        name: Its name in the service.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._modes: Counter[str] = Counter()
        self._causes: Counter[str] = Counter()
        self._refused: Counter[int] = Counter()
        self._late = 0
        self._answers = [0] * (len(BUCKETS_S) + 1)
        self._seconds = self._feeder_kw = 0.0

    def answered(self, answer: Answer) -> None:
        """Count an answer."""
        decision = answer.decision
        self._modes[decision.mode.value] += 1
        self._causes.update({reason.cause.value for reason in decision.reasons})
        self._late += answer.is_late
        self._answers[bisect_left(BUCKETS_S, answer.seconds)] += 1
        self._seconds += answer.seconds
        self._feeder_kw = float(decision.net_export_kw.sum())

    def refused(self, status: int) -> None:
        """Count a request that got no decision."""
        self._refused[status] += 1

    def families(self, listeners: int) -> Iterator[tuple[str, str, str, list[tuple[str, float]]]]:
        """Yield name, type, help and samples (suffix with labels, value) of each family.

        Args:
            listeners: How many watch.
        """
        own = f'community="{self._name}"'
        modes = [(f'{{{own},mode="{mode}"}}', float(self._modes[mode.value])) for mode in Mode]
        causes = [(f'{{{own},cause="{cause}"}}', float(count)) for cause, count in sorted(self._causes.items())]
        refused = [(f'{{{own},status="{status}"}}', float(count)) for status, count in sorted(self._refused.items())]
        yield "autonomy_answers_total", "counter", "Observations answered, by mode.", modes
        yield "autonomy_reasons_total", "counter", "Answers that name a cause, by cause.", causes
        yield "autonomy_refused_total", "counter", "Requests that got no decision, by HTTP status.", refused
        yield "autonomy_late_total", "counter", "Answers that were late: dead stops.", [(f"{{{own}}}", self._late)]
        yield "autonomy_answer_seconds", "histogram", "From observation to answer, s.", self._histogram(own)
        yield "autonomy_feeder_kw", "gauge", "Planned net export, kW.", [(f"{{{own}}}", self._feeder_kw)]
        yield "autonomy_listeners", "gauge", "Streams that are open.", [(f"{{{own}}}", listeners)]

    def _histogram(self, own: str) -> list[tuple[str, float]]:
        samples, total = [], 0
        for end, count in zip((*map(str, BUCKETS_S), "+Inf"), self._answers, strict=True):
            total += count
            samples.append((f'_bucket{{{own},le="{end}"}}', float(total)))
        return [*samples, (f"_sum{{{own}}}", self._seconds), (f"_count{{{own}}}", float(total))]


def exposition(metrics: dict[str, Metrics], listeners: dict[str, int]) -> str:
    """Return the text that Prometheus reads, format version 0.0.4.

    Args:
        metrics: By community.
        listeners: Streams that are open, likewise.
    """
    lines: list[str] = []
    for same in zip(*(metrics[name].families(listeners[name]) for name in metrics), strict=True):
        name, kind, text, _ = same[0]
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{suffix} {value!r}" for *_, samples in same for suffix, value in samples]
    return "\n".join(lines) + "\n"

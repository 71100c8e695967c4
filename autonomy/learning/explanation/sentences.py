"""What happened, a sentence an hour: the hours with the largest interventions, and those that saved most."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.explanation.explanation import Attribution, Explanation
from autonomy.learning.explanation.groups import GROUPS
from autonomy.report.quantity import count, percent, quantity

MOST = 3
"""Hours of each kind, of different days."""
NOTICEABLE_KW = 1e-3
READABLE_KW = 0.05
"""kW below which a power reads as 0.0."""
MOST_GROUPS, LEAST_SHARE = 2, 0.15
"""Groups that are named as reasons, and what part of all attributions of the step such a group has at least."""


def told(explanation: Explanation) -> tuple[str, ...]:
    """Return everything that is said of a window."""
    e = explanation
    return (summary(e), *largest_interventions(e), *largest_gains(e), reading(e))


def summary(explanation: Explanation) -> str:
    """Return what the window came to."""
    e, money = explanation, explanation.currency
    saved = e.grid_only.cost - e.account.cost
    changed = int((e.changed_kw > NOTICEABLE_KW).sum())
    text = (
        f"In {count(e.time.size, 'step')} from {_when(e, 0)} the policy {e.policy} cost {quantity(e.account.cost)} "
        f"{money}; doing nothing {quantity(e.grid_only.cost)}, so it saved {quantity(saved)}"
    )
    if not math.isnan(e.achievable_share):
        text += f", {percent(e.achievable_share)} of what perfect foresight saves"
    return f"{text}. The layers changed battery powers, or cut, in {count(changed, 'step')}."


def largest_interventions(explanation: Explanation) -> tuple[str, ...]:
    """Return a sentence for each of the steps that were changed most, none where nothing was."""
    steps = _largest(explanation, explanation.changed_kw, NOTICEABLE_KW)
    return tuple(sentence(explanation, step) for step in steps)


def largest_gains(explanation: Explanation) -> tuple[str, ...]:
    """Return a sentence for each of the steps that saved most against doing nothing."""
    return tuple(sentence(explanation, step) for step in _largest(explanation, explanation.saved, 0.0))


def reading(explanation: Explanation) -> str:
    """Return what attributions are relative to and how exact they are, or why there are none."""
    e, found = explanation, explanation.attribution
    missing = f"Attributions: {e.no_attribution}." if e.no_attribution else ""
    if found is None:
        return missing
    gap = float(np.nanmax(found.gap_kw, initial=0.0))
    text = (
        f"Attributions are integrated gradients; the baseline is {found.baseline}. Baseline and attributions add up to "
        f"what was wanted within {quantity(1e3 * gap, 2)} W in every step."
    )
    return f"{text} {missing}".strip()


def sentence(explanation: Explanation, step: int) -> str:
    """Return what was wanted in a step, what was made of it, why, and what it earned."""
    e, money = explanation, explanation.currency
    parts = [f"wanted {_power(float(e.wanted_kw[step]))}", _fate(e, step)]
    if e.attribution is not None:
        parts += list(_because(e.attribution, step))
    saved = float(e.saved[step])
    parts.append(f"{'saved' if saved >= 0 else 'cost'} {quantity(abs(saved))} {money} against doing nothing")
    return f"{_when(e, step)}: {'; '.join(parts)}."


def _largest(explanation: Explanation, values: Vector, least: float) -> list[int]:
    """Return the steps of the largest values above `least`, one a day, the largest first."""
    days = explanation.time.astype("datetime64[D]")
    found: dict[np.datetime64, int] = {}
    for step in np.argsort(-values, kind="stable").tolist():
        if values[step] > least and len(found) < MOST:
            found.setdefault(days[step], step)
    return list(found.values())


def _fate(e: Explanation, step: int) -> str:
    cuts = [
        f"{quantity(float(kw[step]), 1)} kW of {what} {verb} cut"
        for kw, what, verb in ((e.curtailed_kw, "generation", "was"), (e.shed_kw, "load", "was"))
        if kw[step] > NOTICEABLE_KW
    ]
    moved = not e.moved_kw[step] <= NOTICEABLE_KW
    done = f"got {_power(float(e.executed_kw[step]))}" if moved else "kept"
    because = f", because {e.reason[step]}" if e.reason[step] else ""
    return f"{', '.join([done, *cuts])}{because}"


def _because(attribution: Attribution, step: int) -> Iterator[str]:
    """Yield why it was wanted: the largest attributions of the sign that wanted less baseline has."""
    parts = attribution.kw[step]
    if np.isnan(parts).any():
        return
    sign = 1.0 if parts.sum() >= 0 else -1.0
    named = [
        f"{GROUPS[place].tells(*attribution.told[step][:, place])} ({_signed(float(parts[place]))})"
        for place in np.argsort(-sign * parts).tolist()[:MOST_GROUPS]
        if sign * parts[place] >= LEAST_SHARE * np.abs(parts).sum()
    ]
    if named:
        baseline = _signed(float(attribution.baseline_kw[step]))
        yield f"mostly because {' and '.join(named)}, from {baseline} at the baseline"


def _when(e: Explanation, step: int) -> str:
    return str(np.datetime_as_string(e.time[step], unit="m")).replace("T", " ")


def _power(kw: float) -> str:
    if math.isnan(kw):
        return "nothing that could be read"
    text = _signed(kw)
    return text if abs(kw) < READABLE_KW else f"{text} ({'charge' if kw > 0 else 'discharge'})"


def _signed(kw: float) -> str:
    readable = kw if not abs(kw) < READABLE_KW else 0.0
    return f"{'+' if readable > 0 else ''}{quantity(readable, 1)} kW"

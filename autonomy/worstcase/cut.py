"""The least cut at one point in closed form, with a plan that attains it and a labelling that proves it.

    x_i = w_i − z_i − a_i             h_i = clip(x_i, −K_i, K_i)           cut_i = max(x_i − K_i, 0)
    X_l = Σ h of what hangs on l      h_l = clip(X_l, −far_l, near_l)      cut_l = max(X_l − near_l, 0)

with w wanted, z eased, a the battery's help; the least cut is the sum of all cuts. docs/worst-case.md derives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from autonomy.worstcase.amounts import clip, text, texts
from autonomy.worstcase.side import Limit, Side

ZERO = Fraction(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A point of a domain.

    Attributes:
        wanted: (N,) kW >= 0.
        eased: (N,) kW >= 0.
    """

    wanted: tuple[Fraction, ...]
    eased: tuple[Fraction, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LeastCut:
    """The least total cut at a point.

    Attributes:
        side: What holds there.
        point: Where.
        value: kW, the least total cut.
        cut: (N,) kW, a plan that attains it: what is cut of what is wanted,
        ease_cut: (N,) kW, what is cut of what eases the flow,
        help: (N,) kW, and what batteries do.
        line_labels: (M,) 0 or 1, a labelling that proves it.
        labels: (N,) 0 or 1, likewise, of the prosumers.
    """

    side: Side
    point: Point
    value: Fraction
    cut: tuple[Fraction, ...]
    ease_cut: tuple[Fraction, ...]
    help: tuple[Fraction, ...]
    line_labels: tuple[int, ...]
    labels: tuple[int, ...]

    def proof(self) -> dict[str, Any]:
        """Return the plan and the labelling as a certificate states them."""
        return {
            "plan": {"cut_kw": texts(self.cut), "ease_cut_kw": texts(self.ease_cut), "help_kw": texts(self.help)},
            "labels": {"line": list(self.line_labels), "prosumer": list(self.labels)},
        }

    def certificate(self) -> dict[str, Any]:
        """Return the certificate of kind "least-cut"."""
        return {
            "format": "autonomy-certificate/1",
            "kind": "least-cut",
            "statement": f"At this point no plan of the rung {self.side.rung} needs less {self.side.quantity} than "
            f"{float(self.value):.6f} kW.",
            **self.side.document(),
            "point": {"wanted_kw": texts(self.point.wanted), "eased_kw": texts(self.point.eased)},
            **self.proof(),
            "value_kw": text(self.value),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Flows:
    """What the pass from the leaves found: before and after clipping, of prosumers and lines."""

    x: list[Fraction]
    h: list[Fraction]
    line_x: list[Fraction]
    line_h: list[Fraction]

    @property
    def value(self) -> Fraction:
        """The sum of what was clipped off above."""
        pairs = (*zip(self.x, self.h, strict=True), *zip(self.line_x, self.line_h, strict=True))
        return sum((max(before - after, ZERO) for before, after in pairs), ZERO)


def least_cut_value(side: Side, point: Point) -> Fraction:
    """Return the least total cut in kW, and nothing more."""
    return _flows(side, point).value


def least_cut(side: Side, point: Point) -> LeastCut:
    """Return the least total cut, the plan and the labelling."""
    flows = _flows(side, point)
    line_labels, labels = _labels(side, flows)
    cut, ease_cut, helped = _plan(side, flows)
    return LeastCut(
        side=side,
        point=point,
        value=flows.value,
        cut=cut,
        ease_cut=ease_cut,
        help=helped,
        line_labels=line_labels,
        labels=labels,
    )


def _flows(side: Side, point: Point) -> _Flows:
    network = side.network
    x = [w - z - a for w, z, a in zip(point.wanted, point.eased, side.help, strict=True)]
    h = [_within(flow, limit, limit) for flow, limit in zip(x, side.connection, strict=True)]
    line_x, line_h = [ZERO] * network.n_lines, [ZERO] * network.n_lines
    for line in network.leaves_first:
        inner = [h[i] for i in network.nodes_of_line[line]] + [line_h[k] for k in network.lines_of_line[line]]
        line_x[line] = sum(inner, ZERO)
        line_h[line] = _within(line_x[line], side.far[line], side.near[line])
    return _Flows(x=x, h=h, line_x=line_x, line_h=line_h)


def _within(flow: Fraction, far: Limit, near: Limit) -> Fraction:
    """Return a flow between −far and near, either of which may be missing."""
    at_least = flow if far is None else max(flow, -far)
    return at_least if near is None else min(at_least, near)


def _labels(side: Side, flows: _Flows) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the labels of lines and prosumers, from the feeder inwards: a step is made where it pays."""
    network, lines = side.network, [0] * side.network.n_lines
    for line in reversed(network.leaves_first):
        above = int(network.parent[line])
        lines[line] = _label(lines[above] if above >= 0 else 0, flows.line_x[line], flows.line_h[line])
    buses = network.bus_of_prosumer.tolist()
    own = (_label(lines[bus], x, h) for bus, x, h in zip(buses, flows.x, flows.h, strict=True))
    return tuple(lines), tuple(own)


def _label(above: int, before: Fraction, after: Fraction) -> int:
    """Return 1 where the flow was clipped from above, 0 where from below, else the label above."""
    return above if before == after else int(before > after)


def _plan(side: Side, flows: _Flows) -> tuple[tuple[Fraction, ...], tuple[Fraction, ...], tuple[Fraction, ...]]:
    """Return who cuts what: each line takes what it was clipped by, and what is asked from above, from below it."""
    network = side.network
    taken = [before - after for before, after in zip(flows.x, flows.h, strict=True)]
    asked = [before - after for before, after in zip(flows.line_x, flows.line_h, strict=True)]
    for line in reversed(network.leaves_first):
        nodes, lines = network.nodes_of_line[line], network.lines_of_line[line]
        parts = _shared(asked[line], [flows.h[i] for i in nodes] + [flows.line_h[k] for k in lines])
        for i, part in zip(nodes, parts, strict=False):
            taken[i] += part
        for k, part in zip(lines, parts[len(nodes) :], strict=True):
            asked[k] += part
    cut = tuple(max(part, ZERO) for part in taken)
    unused = tuple(min(max(-part, ZERO), a) for part, a in zip(taken, side.help, strict=True))
    ease_cut = tuple(max(-part, ZERO) - spared for part, spared in zip(taken, unused, strict=True))
    return cut, ease_cut, tuple(a - spared for a, spared in zip(side.help, unused, strict=True))


def _shared(amount: Fraction, flows: Sequence[Fraction]) -> list[Fraction]:
    """Return an amount in parts, one after the other as far as each flow of its sign goes."""
    parts = []
    for flow in flows:
        part = clip(amount, min(flow, ZERO), max(flow, ZERO))
        parts.append(part)
        amount -= part
    return parts

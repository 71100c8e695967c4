"""The worst case as a mixed-integer program: the adversary chooses the point, and a label for every line.

    maximise    Σ (y_i − v_i − a_i·π_i) − Σ near·up − Σ far·down − Σ K·(own up + own down)
    subject to  y_i <= whigh·π_i,   y_i <= w_i − wlow·(1 − π_i)                              y_i = π_i·w_i
                v_i >= zlow·π_i,    v_i >= z_i − zhigh·(1 − π_i)                             v_i = π_i·z_i
                π − (π above) <= up,   (π above) − π <= down,   π in {0, 1}                  above the feeder 0
                (w, z) in the domain

The least cut at a point is the largest worth of a labelling; so the largest least cut is the largest worth of a point
and a labelling together. The rows say no more than the two products where labels are whole. Where they are not, sums
are lost: half a label on everybody would be worth half of everybody's peak, which no sum allows at once. So every sum
is stated once more for what is labelled. With t <= the label of its line and all steps up below that,

    Σ w <= C   gives   Σ (y_i − wlow·π_i) <= (C − Σ wlow)·t
    Σ z >= C   gives   Σ (zhigh·π_i − v_i) <= (Σ zhigh − C)·t

which can be kept for whole labels: t may be 1 where anything is labelled, and where nothing is both sides are 0.
docs/safety-certificates.md has the columns and rows one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from autonomy.layers.arrays import Index
from autonomy.worstcase.fill import below
from autonomy.worstcase.polytope import Polytope
from autonomy.worstcase.program import ExactProgram, ProgramBuilder, Sense, Term
from autonomy.worstcase.side import Limit, Side

ONE, ZERO = Fraction(1), Fraction(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Columns:
    """Where the columns stand; `own` only for prosumers whose connection can bind."""

    wanted: list[int]
    eased: list[int]
    sun: int
    line: list[int]
    own: dict[int, int]
    owns: int
    busy: list[int]
    label: list[int]
    wanted_on: list[int]
    eased_on: list[int]


def adversary(side: Side, domain: Polytope) -> ExactProgram:
    """Return the program; its optimum is the worst case of a side over a domain, kW."""
    builder = ProgramBuilder(sense=Sense.MAX)
    columns = _columns(builder, side, domain)
    _products(builder, domain, columns)
    _steps(builder, side, columns)
    if columns.own:
        terms = [*((own, ONE) for own in columns.own.values()), (columns.owns, -ONE)]
        builder.row("owns", terms, lower=0, upper=0)
    for before, after in _alike(side, domain, columns.own):
        builder.row(f"alike[{after}]", [(columns.own[after], ONE), (columns.own[before], -ONE)], upper=0)
    _sums(builder, side, domain, columns)
    return builder.build()


def _columns(builder: ProgramBuilder, side: Side, domain: Polytope) -> _Columns:
    everybody, lines = range(side.size), range(side.network.n_lines)
    buses = side.network.bus_of_prosumer.tolist()
    fused = [i for i in everybody if _binds(side, domain, i)]
    wanted = [builder.column(f"wanted[{i}]", domain.wanted_low[i], domain.wanted_high[i]) for i in everybody]
    eased = [builder.column(f"eased[{i}]", domain.eased_low[i], domain.eased_high[i]) for i in everybody]
    sun = -1 if domain.sun is None else builder.column("sun", domain.sun.lower, domain.sun.upper)
    given = [ZERO] * len(lines)
    for i, bus in enumerate(buses):
        given[bus] -= ZERO if i in fused else side.help[i]
    line = [builder.column(f"line[{k}]", 0, 1, cost=given[k], integer=True) for k in lines]
    own = {i: builder.column(f"own[{i}]", 0, 1, cost=-side.help[i], integer=True) for i in fused}
    return _Columns(
        wanted=wanted,
        eased=eased,
        sun=sun,
        line=line,
        own=own,
        owns=builder.column("owns", 0, len(own), integer=True) if own else -1,
        busy=[builder.column(f"busy[{k}]", 0, 1) for k in lines],
        label=[own.get(i, line[bus]) for i, bus in enumerate(buses)],
        wanted_on=[builder.column(f"wanted-on[{i}]", 0, domain.wanted_high[i], cost=1) for i in everybody],
        eased_on=[builder.column(f"eased-on[{i}]", 0, domain.eased_high[i], cost=-1) for i in everybody],
    )


def _binds(side: Side, domain: Polytope, i: int) -> bool:
    """Return whether a connection can bind; where it cannot, no step of the prosumer's own label pays."""
    connection = side.connection[i]
    least = domain.wanted_low[i] - domain.eased_high[i] - side.help[i]
    most = domain.wanted_high[i] - domain.eased_low[i] - side.help[i]
    return connection is not None and (most > connection or least < -connection)


def _alike(side: Side, domain: Polytope, own: Iterable[int]) -> list[tuple[int, int]]:
    """Return the pairs of neighbours among prosumers that are alike in everything: they may be put in order."""
    last: dict[tuple[object, ...], int] = {}
    pairs, sun = [], domain.sun
    for i in own:
        ranges = (domain.wanted_low[i], domain.wanted_high[i], domain.eased_low[i], domain.eased_high[i])
        roof = None if sun is None else (sun.low[i], sun.high[i])
        kind = (int(side.network.bus_of_prosumer[i]), *ranges, side.help[i], side.connection[i], roof)
        if kind in last:
            pairs.append((last[kind], i))
        last[kind] = i
    return pairs


def _products(builder: ProgramBuilder, domain: Polytope, at: _Columns) -> None:
    """Add y = π·w and v = π·z."""
    everybody = range(len(at.wanted))
    for i in everybody:
        terms = [(at.wanted_on[i], ONE), (at.label[i], -domain.wanted_high[i])]
        builder.row(f"wanted-label[{i}]", terms, upper=0)
    for i in everybody:
        low = domain.wanted_low[i]
        terms = [(at.wanted_on[i], ONE), (at.wanted[i], -ONE), (at.label[i], -low)]
        builder.row(f"wanted-point[{i}]", terms, upper=-low)
    for i in everybody:
        builder.row(f"eased-label[{i}]", [(at.eased_on[i], ONE), (at.label[i], -domain.eased_low[i])], lower=0)
    for i in everybody:
        high = domain.eased_high[i]
        terms = [(at.eased_on[i], ONE), (at.eased[i], -ONE), (at.label[i], -high)]
        builder.row(f"eased-point[{i}]", terms, lower=-high)


def _steps(builder: ProgramBuilder, side: Side, at: _Columns) -> None:
    """Add what steps of labels cost, and t <= the label of a line and all steps up below it."""
    network = side.network
    parent, bus = network.parent.tolist(), network.bus_of_prosumer.tolist()
    up = [_step(builder, f"line-up[{k}]", side.near[k]) for k in range(network.n_lines)]
    down = [_step(builder, f"line-down[{k}]", side.far[k]) for k in range(network.n_lines)]
    own_up = {i: _step(builder, f"own-up[{i}]", side.connection[i]) for i in at.own}
    own_down = {i: _step(builder, f"own-down[{i}]", side.connection[i]) for i in at.own}
    for sign, name, steps in ((ONE, "line-up", up), (-ONE, "line-down", down)):
        for k, step in enumerate(steps):
            above = [(at.line[parent[k]], -sign)] if parent[k] >= 0 else []
            builder.row(f"{name}[{k}]", [(at.line[k], sign), *above, (step, -ONE)], upper=0)
    for sign, name, mine in ((ONE, "own-up", own_up), (-ONE, "own-down", own_down)):
        for i, step in mine.items():
            builder.row(f"{name}[{i}]", [(at.own[i], sign), (at.line[bus[i]], -sign), (step, -ONE)], upper=0)
    for k, busy in enumerate(at.busy):
        lines = [up[inner] for inner in range(network.n_lines) if inner != k and _is_above(network.parent, k, inner)]
        steps = [*lines, *(step for i, step in own_up.items() if k in network.lines_above[i])]
        builder.row(f"busy[{k}]", [(busy, ONE), (at.line[k], -ONE), *((step, -ONE) for step in steps)], upper=0)


def _is_above(parent: Index, outer: int, inner: int) -> bool:
    """Return whether a line is above, or is, another."""
    while inner >= 0 and inner != outer:
        inner = int(parent[inner])
    return inner == outer


def _step(builder: ProgramBuilder, name: str, limit: Limit) -> int:
    """Add the column of a step, which costs the limit it crosses; without a limit it is held at 0."""
    return builder.column(name, 0, 0 if limit is None else 1, cost=0 if limit is None else -limit)


def _sums(builder: ProgramBuilder, side: Side, domain: Polytope, at: _Columns) -> None:
    """Add the sums of the domain and the sun, and each sum once more for what is labelled."""
    for number, bound in enumerate(domain.sums):
        part, inside = (at.wanted if bound.of_wanted else at.eased), below(side.network, bound.line)
        terms = [(part[i], ONE) for i in inside]
        builder.row(f"sum[{number}]", terms, lower=bound.lower, upper=bound.upper)
        limit = bound.upper if bound.of_wanted else bound.lower
        if limit is not None:
            _labelled(builder, domain, at, f"sum-on[{number}]", (bound.of_wanted, inside, at.busy[bound.line], limit))
    sun = domain.sun
    if sun is None:
        return
    roofs = at.wanted if sun.of_wanted else at.eased
    for i, roof in enumerate(roofs):
        builder.row(f"sun-low[{i}]", [(roof, ONE), (at.sun, -sun.low[i])], lower=0)
    for i, roof in enumerate(roofs):
        builder.row(f"sun-high[{i}]", [(roof, ONE), (at.sun, -sun.high[i])], upper=0)
    builder.row("sun-mean", [*((roof, ONE) for roof in roofs), (at.sun, -sun.mean)], lower=0, upper=0)
    end = sun.worst * sun.mean
    feeder = at.busy[side.network.leaves_first[-1]]
    _labelled(builder, domain, at, "sun-on", (sun.of_wanted, list(range(side.size)), feeder, end))


def _labelled(
    builder: ProgramBuilder, domain: Polytope, at: _Columns, name: str, of: tuple[bool, list[int], int, Fraction]
) -> None:
    """Add a sum for what is labelled: Σ (y − wlow·π) <= (C − Σ wlow)·t, or Σ (zhigh·π − v) <= (Σ zhigh − C)·t."""
    of_wanted, inside, busy, limit = of
    on, ends, sign = (at.wanted_on, domain.wanted_low, ONE) if of_wanted else (at.eased_on, domain.eased_high, -ONE)
    weights: dict[int, Fraction] = {}
    for i in inside:
        weights[at.label[i]] = weights.get(at.label[i], ZERO) - sign * ends[i]
    spare = sign * (limit - sum((ends[i] for i in inside), ZERO))
    terms: list[Term] = [*((on[i], sign) for i in inside), *weights.items(), (busy, -spare)]
    builder.row(name, terms, upper=0)

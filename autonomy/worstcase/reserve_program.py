"""The linear program of a reserve, column by column as docs/safety-certificates.md lists them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from autonomy.worstcase.fill import below
from autonomy.worstcase.peak import Peak
from autonomy.worstcase.program import ExactProgram, ProgramBuilder, Sense

ONE = Fraction(1)


class Objective(StrEnum):
    """What is to be small."""

    ENERGY = "energy"
    """The energy above the lower ends of the bands, of all batteries together."""
    SHARE = "share"
    """The share of its band that the fullest battery holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Where the columns of a step stand, each (N,)."""

    charge: list[int]
    discharge: list[int]
    energy: list[int]
    curtail: list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReserveProgram:
    """The program and where its columns stand."""

    program: ExactProgram
    start: list[int]
    steps: list[Columns]


def reserve_program(peak: Peak, objective: Objective) -> ReserveProgram:
    """Return the program; its optimum is the least reserve (of which "energy" counts the whole content)."""
    builder = ProgramBuilder(sense=Sense.MIN)
    is_energy = objective is Objective.ENERGY
    start = [
        builder.column(f"start[{i}]", store.low, store.high, cost=int(is_energy)) for i, store in enumerate(peak.stores)
    ]
    share = -1 if is_energy else builder.column("share", 0, 1, cost=1)
    steps = [_step_columns(builder, peak, h) for h in range(peak.steps)]
    if not is_energy:
        for i, store in enumerate(peak.stores):
            builder.row(f"share[{i}]", [(start[i], ONE), (share, -store.width)], upper=store.low)
    before = start
    for h, columns in enumerate(steps):
        _balances(builder, peak, h, columns, before)
        _flows(builder, peak, h, columns)
        before = columns.energy
    return ReserveProgram(program=builder.build(), start=start, steps=steps)


def _step_columns(builder: ProgramBuilder, peak: Peak, h: int) -> Columns:
    stores = list(enumerate(peak.stores))
    return Columns(
        charge=[builder.column(f"charge[{h},{i}]", 0, store.charge) for i, store in stores],
        discharge=[builder.column(f"discharge[{h},{i}]", 0, store.discharge) for i, store in stores],
        energy=[builder.column(f"energy[{h},{i}]", store.low, store.high) for i, store in stores],
        curtail=[builder.column(f"curtail[{h},{i}]", 0, peak.pv[h][i]) for i, _ in stores],
    )


def _balances(builder: ProgramBuilder, peak: Peak, h: int, at: Columns, before: list[int]) -> None:
    for i, store in enumerate(peak.stores):
        terms = [
            (at.energy[i], ONE),
            (before[i], -store.retention),
            (at.charge[i], -peak.timestep * store.charge_efficiency),
            (at.discharge[i], peak.timestep / store.discharge_efficiency),
        ]
        builder.row(f"balance[{h},{i}]", terms, lower=0, upper=0)


def _flows(builder: ProgramBuilder, peak: Peak, h: int, at: Columns) -> None:
    given = [g - d for g, d in zip(peak.pv[h], peak.demand[h], strict=True)]
    moves = [[(at.charge[i], -ONE), (at.discharge[i], ONE), (at.curtail[i], -ONE)] for i in range(peak.size)]
    for i, limit in enumerate(peak.connection):
        if limit is not None:
            builder.row(f"node[{h},{i}]", moves[i], lower=-limit - given[i], upper=limit - given[i])
    for line, (most_in, most_out) in enumerate(zip(peak.imports, peak.exports, strict=True)):
        if most_in is None and most_out is None:
            continue
        inside = below(peak.network, line)
        total = sum((given[i] for i in inside), Fraction(0))
        builder.row(
            f"flow[{h},{line}]",
            [term for i in inside for term in moves[i]],
            lower=None if most_in is None else -most_in - total,
            upper=None if most_out is None else most_out - total,
        )

"""`autonomy benchmark physics`; 2 when simulator and power-flow programs do not agree."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from autonomy.cli.arguments import EXIT_OK, EXIT_UNSAFE, Commands, command_line, words_of
from autonomy.cli.benchmark.console import progress_bar, table_console
from autonomy.cli.benchmark.machine import measured_machine
from autonomy.cli.benchmark.outcome import leave
from autonomy.cli.folder import require_writable

if TYPE_CHECKING:
    from autonomy.benchmark.physics.case import Case
    from autonomy.benchmark.physics.run import Played

OUT = "autonomy-physics"
POLICIES = "self-consumption,random,adversarial"
SHOWN = ("self-consumption", "adversarial")
"""Policies in the picture, where they were run; else the first two that were."""
QUICK_STEPS = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What was compared.

    Attributes:
        cases: Names of the cases.
        policies: Names of the policies.
        steps: Most steps of a case; 0 for the whole week.
        versions: Of the power-flow programs.
    """

    cases: tuple[str, ...]
    policies: tuple[str, ...]
    steps: int
    versions: dict[str, str]


def add_command(parts: Commands) -> None:
    """Add `autonomy benchmark physics` to what can be measured."""
    job = parts.add_parser(
        "physics",
        help="the community simulator against OpenDSS and power-grid-model, over a week",
        description="Play a week in the simulator, repeat its decisions in OpenDSS (Storage elements that integrate "
        "their own energy) and power-grid-model, and compare stored energy, feeder, voltages and line loadings.",
    )
    job.add_argument("--policies", metavar="NAME,…", default=POLICIES, help=f"default: {POLICIES}")
    job.add_argument(
        "--simbench", metavar="DIR", type=Path, help="folder with the SimBench extract (the repository's tests/data)"
    )
    job.add_argument("--quick", action="store_true", help=f"the first {QUICK_STEPS} steps only")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.set_defaults(carry_out=physics_command)


def physics_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy benchmark physics`; see `add_command` for the options."""
    from autonomy.benchmark.physics.case import cases  # noqa: PLC0415 - only when needed
    from autonomy.benchmark.physics.picture import PICTURES, draw  # noqa: PLC0415
    from autonomy.benchmark.physics.row import SCHEMA  # noqa: PLC0415
    from autonomy.benchmark.physics.run import programs, row_of  # noqa: PLC0415
    from autonomy.benchmark.physics.table import physics_tables  # noqa: PLC0415
    from autonomy.benchmark.write import CSV_NAME, FILES  # noqa: PLC0415
    from autonomy.layers.intent import POLICIES as KNOWN  # noqa: PLC0415

    policies = words_of("--policies", options.policies, KNOWN)
    require_writable(options.out, FILES | PICTURES, CSV_NAME)
    versions, found = programs(), cases(options.simbench)
    steps = QUICK_STEPS if options.quick else 0
    chosen = [case.first(steps) for case in found] if steps else list(found)
    settings = Settings(cases=tuple(case.name for case in chosen), policies=policies, steps=steps, versions=versions)
    played = _play(chosen, policies)
    rows, console = [row_of(each) for each in played], table_console()
    leave(
        options.out,
        console,
        schema=SCHEMA,
        rows=rows,
        tables=physics_tables(rows),
        machine=measured_machine(quick=True),
        command=command_line(words),
        settings=settings,
    )
    last = [each for each in played if each.case is chosen[-1]]
    shown = [each for each in last if each.trajectory.policy in SHOWN] or last[:2]
    draw(shown, options.out)
    faults = [f"{row.case}, {row.policy}: {fault}" for row in rows for fault in row.faults()]
    for fault in faults:
        console.print(Text.assemble(("differs", "bold red"), " ", fault), soft_wrap=True)
    return EXIT_UNSAFE if faults else EXIT_OK


def _play(cases: Sequence[Case], policies: Sequence[str]) -> list[Played]:
    from autonomy.benchmark.physics.run import play  # noqa: PLC0415 - only when needed

    played = []
    with progress_bar() as bar:
        task = bar.add_task("", total=len(cases) * len(policies))
        for case in cases:
            for policy in policies:
                bar.update(task, description=f"{case.name}: {policy}")
                played.append(play(case, policy))
                bar.advance(task)
    return played

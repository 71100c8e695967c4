"""`autonomy report`: the safety report, as pages and as a folder of evidence that anybody can check."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from autonomy.cli.arguments import EXIT_OK, EXIT_UNSAFE, Commands, command_line
from autonomy.cli.folder import require_writable
from autonomy.cli.inputs import add_inputs, add_window, chosen_windows, read_inputs
from autonomy.policies import load_policy
from autonomy.scenario import Scenario

DEFAULT_OUT, DEFAULT_POLICY = "autonomy-report", "learned"


def add_command(commands: Commands) -> None:
    """Add `autonomy report` to the command line."""
    job = commands.add_parser(
        "report",
        help="write the safety report, with evidence that can be checked again",
        description="Play a policy over a community's data, prove what can be proved, test the rest, and write "
        "report.html, report.md, report.json and a folder of evidence; verify.py in it checks the numbers with Python "
        "alone. Broken off, it goes on where it was. Exit codes: 0 as promised, 2 a promise is broken, 1 an error.",
    )
    add_inputs(job)
    add_window(job)
    job.add_argument("--policy", metavar="NAME|PATH", default=DEFAULT_POLICY, help=f"default: {DEFAULT_POLICY}")
    job.add_argument(
        "--full",
        action="store_true",
        help="all of the data instead of held-out weeks; every severity of fault, five runs",
    )
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(DEFAULT_OUT), help=f"default: {DEFAULT_OUT}")
    job.set_defaults(carry_out=report_command)


def report_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy report`; see `add_command` for the options."""
    from autonomy.safety.build import TOP_LEVEL, Order, build  # noqa: PLC0415 - only when needed
    from autonomy.safety.pages.words import status_of  # noqa: PLC0415

    require_writable(options.out, TOP_LEVEL, "manifest.json")
    load_policy(options.policy)  # a wrong name costs no minutes
    configuration, scenario = read_inputs(options)
    order = Order(
        configuration=configuration,
        scenario=scenario,
        windows=_windows(scenario, options),
        policy=options.policy,
        is_full=options.full,
        command=command_line(words),
    )
    console = Console(stderr=True)
    with console.status("beginning") as shown:

        def progress(done: int, of: int, text: str) -> None:
            shown.update(escape(f"[{done + 1}/{of + 1}] {text}"))
            if not console.is_terminal:
                console.print(escape(f"[{done + 1}/{of + 1}] {text}"), highlight=False)

        report = build(order, options.out, progress=progress)
    is_fine, sentence = status_of(report)
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text.assemble(("as promised: " if is_fine else "NOT as promised: ", "bold"), sentence))
    console.print(Text.assemble("report: ", (str(options.out / "report.html"), "bold")))
    console.print(f"check it again: autonomy verify {escape(str(options.out))}")
    return EXIT_OK if is_fine else EXIT_UNSAFE


def _windows(scenario: Scenario, options: argparse.Namespace) -> tuple[Scenario, ...]:
    """Return what is asked for; else the held-out weeks, or everything where the data has none or all is wanted."""
    is_named = options.from_ is not None or options.to is not None
    held_out = not (is_named or options.full) and any(True for _ in scenario.held_out_weeks())
    return chosen_windows(scenario, options, held_out=held_out)

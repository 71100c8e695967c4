"""`autonomy explain`: what a policy wanted in a week, what the layers changed, what it earned, and what mattered."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.text import Text

import autonomy
from autonomy.cli.arguments import EXIT_OK, EXIT_UNSAFE, Commands, command_line, require_at_least
from autonomy.cli.folder import publish, require_writable
from autonomy.cli.inputs import add_inputs, read_inputs
from autonomy.errors import ConfigError, ModelError
from autonomy.forecasting import KINDS
from autonomy.solvers.backends import BACKENDS

if TYPE_CHECKING:
    from autonomy.evidence import RunEvidence
    from autonomy.scenario import Scenario

DEFAULT_OUT = "autonomy-explanation"


def add_command(commands: Commands) -> None:
    """Add `autonomy explain` to the command line."""
    job = commands.add_parser(
        "explain",
        help="explain what a policy did in a week",
        description="Play a policy over a week and tell what it wanted, what the layers changed and why, what it "
        "earned against doing nothing and against the optimum, and, of a learned policy, which inputs mattered. Writes "
        "explanation.md, .json, .svg and .png.",
    )
    job.add_argument(
        "--policy", metavar="NAME|PATH", required=True, help="as in autonomy run; weights.npz for a learned one"
    )
    job.add_argument("--week", metavar="DATE", help="the seven days that begin then")
    job.add_argument("--from", metavar="TIME", dest="from_", help="instead of --week: first step, ISO date or time")
    job.add_argument("--to", metavar="TIME", help="end (first step no longer played), at most seven days later")
    add_inputs(job)
    job.add_argument("--forecast", metavar="NAME", help=f"what is expected of the next day: {', '.join(KINDS)}")
    job.add_argument("--seed", metavar="N", type=int, default=0, help="of --forecast; default: 0")
    job.add_argument("--backend", metavar="NAME", default="exact", help=f"projection: {', '.join(BACKENDS)}")
    job.add_argument("--no-optimum", action="store_true", help="leave out the perfect-foresight optimum")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(DEFAULT_OUT), help=f"default: {DEFAULT_OUT}")
    job.set_defaults(carry_out=explain_command)


def explain_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy explain`; see `add_command` for the options."""
    from autonomy.learning.explanation.sentences import told  # noqa: PLC0415 - only when needed
    from autonomy.learning.explanation.write import FILES, NUMBERS, write  # noqa: PLC0415 - loads matplotlib

    require_writable(options.out, FILES, NUMBERS)
    require_at_least("--seed", options.seed, 0)
    console = Console()
    evidence = _played(options, words, console)
    explanation = evidence.explanations[0]
    about = {"command": evidence.command, "version": evidence.version, "created": evidence.created}
    with tempfile.TemporaryDirectory(prefix=".autonomy-explain-", dir=options.out.resolve().parent) as staging:
        finished = Path(staging) / "finished"
        finished.mkdir()
        write(explanation, finished, about | {"data": evidence.data_source, "sha256": evidence.data_sha256})
        publish(finished, options.out, Path(staging))
    for text in told(explanation):
        console.print(escape(text), soft_wrap=True)
    if evidence.no_optimum:
        console.print(f"no optimum: {escape(evidence.no_optimum)}", soft_wrap=True)
    console.print(Text.assemble("explanation: ", (str(options.out), "bold")), soft_wrap=True)
    return EXIT_UNSAFE if evidence.kpis[options.policy].violations else EXIT_OK


def _played(options: argparse.Namespace, words: Sequence[str], console: Console) -> RunEvidence:
    from autonomy.run import RunOptions, run  # noqa: PLC0415 - only when needed

    configuration, scenario = read_inputs(options)
    if options.forecast is not None:
        scenario = scenario.with_forecast(options.forecast, seed=options.seed)
    with console.status("playing the week") as status:
        return run(
            configuration,
            (_window(scenario, options),),
            options=RunOptions(
                policies=(options.policy,),
                explained=(options.policy,),
                backend=options.backend,
                with_optimum=not options.no_optimum,
                command=command_line(words),
                version=autonomy.__version__,
            ),
            progress=lambda label, _: status.update(escape(label)),
        )


def _window(scenario: Scenario, options: argparse.Namespace) -> Scenario:
    """Return the steps that are asked for, at most a week of them."""
    from autonomy.run import choose_windows  # noqa: PLC0415 - only when needed

    if (options.week is None) == (options.from_ is None and options.to is None):
        raise ConfigError("--week", "", "needs a DATE; or leave it out and say --from TIME --to TIME")
    first = options.from_ if options.week is None else options.week
    try:
        windows = choose_windows(scenario, from_=first, to=options.to, held_out=False)
    except ModelError as fault:
        option = "--to" if fault.field == "to" else "--from" if options.week is None else "--week"
        raise ConfigError(option, "", f"found {fault.value!r}; expected {fault.expected}") from None
    if options.week is None and len(windows) > 1:
        raise ConfigError("--to", "", "is more than a week after --from; a picture holds seven days")
    return windows[0]

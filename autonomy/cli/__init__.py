"""The command line: `autonomy run`, `benchmark`, `explain`, `export`, `faults`, `field`, `report`, `serve` and others.

Exit codes: 0 all held, 1 an error, 2 a limit was broken or a journal could not be verified.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

import autonomy
from autonomy.cli import benchmark, explain, export, faults, field, report, run, serve, train, verify
from autonomy.cli.arguments import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_OK, EXIT_UNSAFE, Parser
from autonomy.errors import AutonomyError

__all__ = ["EXIT_ERROR", "EXIT_INTERRUPTED", "EXIT_OK", "EXIT_UNSAFE", "main", "parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without "₂" must not cost the run
    errors = Console(stderr=True, highlight=False)
    try:
        options = parser().parse_args(words)
        return int(options.carry_out(options, words))
    except (AutonomyError, OSError) as fault:
        errors.print(Text.assemble(("error", "bold red"), " ", str(fault)), soft_wrap=True)
        return fault.exit_code if isinstance(fault, AutonomyError) else EXIT_ERROR
    except KeyboardInterrupt:
        errors.print("[bold yellow]interrupted[/] nothing was written")
        return EXIT_INTERRUPTED


def parser() -> Parser:
    """Return the parser of the whole command line; each command leaves its function in `carry_out`."""
    top = Parser(prog="autonomy", description="Put any policy in charge of an energy community's batteries, safely.")
    top.add_argument("--version", action="version", version=f"autonomy-stack {autonomy.__version__}")
    commands = top.add_subparsers(title="commands", dest="command", required=True, parser_class=Parser)
    run.add_command(commands)
    benchmark.add_command(commands)
    explain.add_command(commands)
    export.add_command(commands)
    faults.add_command(commands)
    field.add_command(commands)
    report.add_command(commands)
    serve.add_command(commands)
    train.add_command(commands)
    verify.add_command(commands)
    return top

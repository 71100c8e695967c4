"""`autonomy benchmark`: one file a command; a new command is one more in `COMMANDS`."""

from __future__ import annotations

from autonomy.cli.arguments import Commands
from autonomy.cli.benchmark import (
    bidding,
    dispatch,
    forecasts,
    horizon,
    journal,
    market,
    optimum,
    physics,
    policies,
    projection,
    serve,
    simulator,
    step,
    voltage,
)

COMMANDS = (
    projection,
    step,
    journal,
    horizon,
    voltage,
    forecasts,
    policies,
    physics,
    simulator,
    market,
    bidding,
    optimum,
    dispatch,
    serve,
)
"""Modules with an `add_command`, in the order of the help."""


def add_command(commands: Commands) -> None:
    """Add `autonomy benchmark` and what it can measure to the command line."""
    top = commands.add_parser("benchmark", help="measure solvers and the controller on this machine")
    parts = top.add_subparsers(title="what to measure", dest="part", required=True)
    for command in COMMANDS:
        command.add_command(parts)

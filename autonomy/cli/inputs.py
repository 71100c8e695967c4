"""The options that say which community and which data, shared by the commands that play it."""

from __future__ import annotations

import argparse
from pathlib import Path

from autonomy.cli.arguments import Parser
from autonomy.configuration import Configuration, demo_configuration, read_configuration
from autonomy.errors import ConfigError
from autonomy.layers.errors import ModelError
from autonomy.run import choose_windows
from autonomy.scenario import Scenario


def add_inputs(job: Parser) -> None:
    """Add the options to a command."""
    job.add_argument("--community", metavar="FILE", type=Path, help="community description (TOML); the demo without it")
    job.add_argument("--data", metavar="FILE", type=Path, help="time series (CSV or Parquet); needed with --community")
    job.add_argument("--time-zone", metavar="ZONE", help="IANA zone that times without an offset are local times of")


def read_inputs(options: argparse.Namespace) -> tuple[Configuration, Scenario]:
    """Return the community and all of its data.

    Raises:
        ConfigError: the options do not go together, or the description is wrong.
        DataError: the data is wrong.
    """
    if options.time_zone is not None and options.data is None:
        raise ConfigError("--time-zone", "", "is for the times of a --data file, and none is given")
    if options.community is None and options.data is None:
        return demo_configuration(), Scenario.demo()
    if options.data is None:
        raise ConfigError("--community", "", "needs --data FILE with the community's time series")
    configuration = demo_configuration() if options.community is None else read_configuration(options.community)
    scenario = Scenario.from_file(options.data, community=configuration.community, time_zone=options.time_zone)
    supplied = configuration.assets.supply(scenario.series)
    return configuration, scenario if supplied is scenario.series else Scenario.whole(supplied)


def add_window(job: Parser) -> None:
    """Add the options of a window to a command."""
    job.add_argument("--from", metavar="TIME", dest="from_", help="first step, ISO date or time")
    job.add_argument("--to", metavar="TIME", help="end (first step no longer run), ISO date or time")


def chosen_windows(scenario: Scenario, options: argparse.Namespace, *, held_out: bool) -> tuple[Scenario, ...]:
    """Return the windows that `--from` and `--to` name, weeks of them; see `choose_windows`.

    Raises:
        ConfigError: an option is no time, or outside the data.
        DataError: held-out weeks are asked for and the data has fewer than four weeks.
    """
    try:
        return choose_windows(scenario, from_=options.from_, to=options.to, held_out=held_out)
    except ModelError as fault:
        option = {"from_": "--from", "to": "--to"}.get(fault.field)
        if option is None:
            raise
        raise ConfigError(option, "", f"found {fault.value!r}; expected {fault.expected}") from None

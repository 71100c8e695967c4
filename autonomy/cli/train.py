"""`autonomy train`: weights for a policy, from the weeks that teach; held-out weeks are never seen."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from autonomy.cli.arguments import EXIT_OK, Commands, command_line, require_at_least, words_of
from autonomy.cli.benchmark.console import progress_bar
from autonomy.cli.folder import publish, require_writable
from autonomy.errors import ConfigError
from autonomy.forecasting import KINDS
from autonomy.learning.methods import METHODS
from autonomy.learning.order import Order, Progress

DEFAULT_OUT = "autonomy-weights"
FILES = frozenset({"weights.npz", "curve.csv", "curve.svg", "curve.png"})
MARK = "curve.csv"


def add_command(commands: Commands) -> None:
    """Add `autonomy train` to the command line."""
    job = commands.add_parser(
        "train",
        help="train a policy on the demo's training weeks",
        description="Train a policy on communities drawn from the demo's homes and the weeks that teach, choose by "
        "weeks that validate, and leave weights with their card and the learning curve. The weights are a policy: "
        "autonomy run --policy DIR/weights.npz. The same seed gives the same weights.",
    )
    job.add_argument("--method", metavar="NAME", default="gradient", help=f"{', '.join(METHODS)}; default: gradient")
    job.add_argument("--forecasts", metavar="NAME,…", help="kinds of forecast to learn with; default: the method's own")
    job.add_argument("--seed", metavar="N", type=int, default=0, help="default: 0")
    job.add_argument(
        "--setting", metavar="NAME=NUMBER", action="append", default=[], help="a number of the recipe; may be repeated"
    )
    job.add_argument("--title", metavar="TEXT", default="", help="for the card")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(DEFAULT_OUT), help=f"default: {DEFAULT_OUT}")
    job.set_defaults(carry_out=train_command)


def train_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy train`; see `add_command` for the options."""
    (method,) = words_of("--method", options.method, METHODS)[:1]
    require_at_least("--seed", options.seed, 0)
    order = Order(
        seed=options.seed,
        forecasts=None if options.forecasts is None else words_of("--forecasts", options.forecasts, KINDS),
        settings=_settings(options.setting),
        command=command_line(words),
        title=options.title,
    )
    require_writable(options.out, FILES, MARK)
    with tempfile.TemporaryDirectory(prefix=".autonomy-train-", dir=options.out.resolve().parent) as staging:
        finished = Path(staging) / "finished"
        finished.mkdir()
        with progress_bar() as bar:
            task = bar.add_task("optimum of the weeks that validate", total=None)
            trained = METHODS[method](order, finished, _teller(lambda **told: bar.update(task, **told)))
        publish(finished, options.out, Path(staging))
    Console().print(
        Text.assemble(
            ("validated share ", ""), (f"{100.0 * trained.score:.2f} %", "bold"), f", {trained.cpu_s:.0f} s of CPU, ",
            (str(options.out / trained.weights.name), "bold"),
        ),
        soft_wrap=True,
    )  # fmt: skip
    return EXIT_OK


def _teller(update: Callable[..., None]) -> Callable[[Progress], None]:
    def told(progress: Progress) -> None:
        known = progress.score == progress.score
        text = f"training; validated {100.0 * progress.score:.2f} %" if known else "training"
        update(completed=progress.done, total=progress.total, description=text)

    return told


def _settings(given: Sequence[str]) -> Mapping[str, str]:
    """Return the settings by name.

    Raises:
        ConfigError: one is not NAME=NUMBER, or is given twice.
    """
    settings: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name in settings:
            expected = "NAME=NUMBER, each name once, as in --setting updates=600"
            raise ConfigError("--setting", "", f"found {text!r}; expected {expected}")
        settings[name] = value
    return settings

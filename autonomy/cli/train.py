"""`autonomy train`: weights for a policy, from the weeks that teach; held-out weeks are never seen."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from autonomy.cli.arguments import EXIT_INTERRUPTED, EXIT_OK, Commands, command_line, require_at_least, words_of
from autonomy.cli.benchmark.console import progress_bar
from autonomy.cli.folder import publish, require_writable
from autonomy.errors import ConfigError
from autonomy.forecasting import KINDS
from autonomy.learning.events import EVENTS
from autonomy.learning.methods import BUDGETS, LATER, METHODS
from autonomy.learning.order import Order, Progress
from autonomy.learning.sweep import trainings
from autonomy.learning.unfinished import CHECKPOINTS, has_begun, require_fresh, train_unfinished, unfinished

DEFAULT_OUT = "autonomy-weights"
FILES = frozenset({
    "weights.npz", "model.zip", "card.json", "curve.csv", "curve.svg", "curve.png", "validation.npz", CHECKPOINTS,
    EVENTS,
})  # fmt: skip
MARK = "curve.csv"
WORKERS = 2


def add_command(commands: Commands) -> None:
    """Add `autonomy train` to the command line."""
    job = commands.add_parser(
        "train",
        help="train a policy on the demo's training weeks",
        description="Train a policy on communities drawn from the demo's homes and the weeks that teach, choose by "
        "weeks that validate, and leave weights with their card and the learning curve. The weights are a policy: "
        "autonomy run --policy DIR/weights.npz (or model.zip). The same seed gives the same weights. Several seeds or "
        "values of a setting are a sweep: each training has a folder of its own in DIR; DIR/sweep.csv compares them.",
    )
    job.add_argument("--method", metavar="NAME", default="gradient", help=f"{', '.join(METHODS)}; default: gradient")
    later = ", ".join(sorted(LATER))
    job.add_argument("--from", metavar="WEIGHTS", dest="source", default="", help=f"what {later} begins with: a file, "
        "a training's folder, or the name of weights that ship")  # fmt: skip
    job.add_argument("--forecasts", metavar="NAME,…", help="kinds of forecast to learn with; default: the method's own")
    job.add_argument("--seed", metavar="N", type=int, default=0, help="default: 0")
    job.add_argument("--seeds", metavar="N,…", help="several seeds: a sweep")
    lengths = ", ".join(f"{name} of {method}" for method, name in BUDGETS.items())
    job.add_argument("--budget", metavar="N", help=f"how long to train, the same as the setting {lengths}")
    job.add_argument(
        "--setting",
        metavar="NAME=VALUE[,…]",
        action="append",
        default=[],
        help="a number of the recipe; may be repeated; several values: a sweep",
    )
    job.add_argument("--resume", action="store_true", help="go on where the same command was broken off")
    job.add_argument("--ray", metavar="ADDRESS", help="a sweep on a Ray cluster; local: on one started on this machine")
    job.add_argument("--processes", metavar="N", type=int, default=WORKERS, help=f"of --ray local; default: {WORKERS}")
    job.add_argument("--title", metavar="TEXT", default="", help="for the card")
    job.add_argument("--out", metavar="DIR", type=Path, default=Path(DEFAULT_OUT), help=f"default: {DEFAULT_OUT}")
    job.set_defaults(carry_out=train_command)


def train_command(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Carry out `autonomy train`; see `add_command` for the options."""
    (method,) = words_of("--method", options.method, METHODS)[:1]
    require_at_least("--seed", options.seed, 0)
    require_at_least("--processes", options.processes, 1)
    _require_source(method, options)
    settings = _settings(options.setting, {} if options.budget is None else {BUDGETS[method]: (options.budget,)})
    order = Order(
        seed=options.seed,
        forecasts=None if options.forecasts is None else words_of("--forecasts", options.forecasts, KINDS),
        settings={name: values[0] for name, values in settings.items()},
        command=command_line(words),
        title=options.title,
        resume=options.resume,
        source=options.source,
    )
    seeds = None if options.seeds is None else _seeds(options.seeds)
    is_one = seeds is None and options.ray is None and all(len(values) == 1 for values in settings.values())
    if not options.resume:
        require_fresh(options.out)
    try:
        if is_one:
            return _one(method, order, options.out)
        from autonomy.cli.train_sweep import sweep_command  # noqa: PLC0415 - only when needed

        return sweep_command(trainings(method, order, seeds or (order.seed,), settings), options)
    except KeyboardInterrupt:
        if not has_begun(options.out):
            raise
        hint = f" the same command with --resume goes on in {unfinished(options.out)}"
        Console(stderr=True, highlight=False).print(Text.assemble(("interrupted", "bold yellow"), hint), soft_wrap=True)
        return EXIT_INTERRUPTED


def _one(method: str, order: Order, out: Path) -> int:
    require_writable(out, FILES, MARK)
    with progress_bar() as bar:
        task = bar.add_task("optimum of the weeks that validate", total=None)
        trained = train_unfinished(METHODS[method], order, out, teller(lambda **told: bar.update(task, **told)))
    published(out)
    Console().print(
        Text.assemble(
            ("validated share ", ""), (f"{100.0 * trained.score:.2f} %", "bold"), f", {trained.cpu_s:.0f} s of CPU, ",
            (str(trained.weights), "bold"),
        ),
        soft_wrap=True,
    )  # fmt: skip
    return EXIT_OK


def published(out: Path) -> None:
    """Give a finished folder its name, in place of an earlier one."""
    with tempfile.TemporaryDirectory(prefix=".autonomy-train-", dir=out.resolve().parent) as staging:
        publish(unfinished(out), out, Path(staging))


def teller(update: Callable[..., None]) -> Callable[[Progress], None]:
    """Return what tells a progress bar how far a training is."""

    def told(progress: Progress) -> None:
        known = progress.score == progress.score
        text = f"training; validated {100.0 * progress.score:.2f} %" if known else "training"
        update(completed=progress.done, total=progress.total, description=text)

    return told


def _require_source(method: str, options: argparse.Namespace) -> None:
    """Require weights to begin with where the method trains them further, and only there.

    Raises:
        ConfigError: they are missing, or of no use.
    """
    if bool(options.source) != (method in LATER):
        expected = (
            "weights whose batteries are trained, as in --from autonomy-weights" if method in LATER else "nothing"
        )
        raise ConfigError("--from", "", f"found {options.source!r}; --method {method} begins with {expected}")
    if options.source and options.ray is not None:
        raise ConfigError("--ray", "", f"{method} takes a minute and files of this machine; expected no cluster")


def _seeds(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isdecimal() for word in words):
        raise ConfigError("--seeds", "", f"found {text!r}; expected whole numbers >= 0, as in 0,1,2")
    return tuple(dict.fromkeys(int(word) for word in words))


def _settings(given: Sequence[str], first: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return the values of each setting by its name, after those that are given already.

    Raises:
        ConfigError: one is not NAME=VALUE, or is given twice.
    """
    settings = {name: tuple(values) for name, values in first.items()}
    for text in given:
        name, _, value = text.partition("=")
        values = tuple(word.strip() for word in value.split(",") if word.strip())
        if not values or name in settings:
            expected = "NAME=NUMBER, each name once, as in --setting updates=600"
            raise ConfigError("--setting", "", f"found {text!r}; expected {expected}")
        settings[name] = tuple(dict.fromkeys(values))
    return settings

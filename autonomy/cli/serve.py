"""`autonomy serve`: the controller as a service, for hosts that are not Python."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape

from autonomy.cli.arguments import EXIT_ERROR, EXIT_OK, Commands
from autonomy.errors import ConfigError, OptionalDependencyError
from autonomy.journal.writer import Fsync
from autonomy.policies import NAMES
from autonomy.service.settings import Settings

OUT = "autonomy-serve"
DEFAULTS = Settings()
NAMED_FSYNC: tuple[Literal["always", "daily", "never"], ...] = ("always", "daily", "never")


def add_command(commands: Commands) -> None:
    """Add `autonomy serve` to the command line."""
    job = commands.add_parser(
        "serve",
        help="serve decisions over HTTP, with a journal on disk and a live page",
        description="Answer observations over HTTP with decisions, each within a deadline; keep a journal on disk and "
        "go on with it after any end. Needs the extra [service]. Exit codes: 0 stopped in order, 1 an error.",
    )
    job.add_argument(
        "--community",
        metavar="FILE",
        type=Path,
        action="append",
        dest="communities",
        default=[],
        help="community description (TOML); may be repeated, each with a key of its own; the demo without it",
    )
    job.add_argument(
        "--policy", metavar="NAME|PATH", default="self-consumption", help=f"as for autonomy run: {', '.join(NAMES)}, …"
    )
    job.add_argument("--host", metavar="ADDRESS", default=DEFAULTS.host, help=f"default: {DEFAULTS.host}")
    job.add_argument("--port", metavar="N", type=int, default=DEFAULTS.port, help=f"0: any; default: {DEFAULTS.port}")
    job.add_argument("--journal", metavar="DIR", type=Path, default=Path(OUT), help=f"default: {OUT}")
    job.add_argument(
        "--keys",
        metavar="FILE",
        type=Path,
        help="TOML with a key a community; made in the journal's folder where needed",
    )
    job.add_argument(
        "--deadline",
        metavar="SECONDS",
        type=float,
        default=DEFAULTS.deadline_s,
        help=f"until an answer is late; default: {DEFAULTS.deadline_s:g}",
    )
    job.add_argument(
        "--fsync",
        metavar="WHEN",
        default=DEFAULTS.fsync,
        help="always, daily, never, or a number of lines; default: always",
    )
    job.add_argument(
        "--rate",
        metavar="N",
        type=float,
        default=DEFAULTS.steps_per_s,
        help=f"steps a second of one community; default: {DEFAULTS.steps_per_s:g}",
    )
    job.add_argument(
        "--body",
        metavar="BYTES",
        type=int,
        default=DEFAULTS.body_bytes,
        help=f"of the largest body; default: {DEFAULTS.body_bytes}",
    )
    job.set_defaults(carry_out=serve_command)


def serve_command(options: argparse.Namespace, _words: Sequence[str]) -> int:
    """Carry out `autonomy serve`; see `add_command` for the options."""
    from autonomy.service.stations import configurations, keyring, stations  # noqa: PLC0415 - only when needed

    try:
        from autonomy.service.web.server import Server  # noqa: PLC0415 - needs FastAPI and uvicorn
    except ImportError:
        raise OptionalDependencyError("autonomy serve", "service") from None

    settings = Settings(
        host=options.host,
        port=options.port,
        deadline_s=options.deadline,
        body_bytes=options.body,
        steps_per_s=options.rate,
        fsync=_fsync(options.fsync),
    )
    communities = configurations(options.communities)
    keys, file = keyring(list(communities), settings=settings, folder=options.journal, file=options.keys)
    served = stations(communities, policy=options.policy, settings=settings, folder=options.journal)
    console, errors = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False, soft_wrap=True)
    lost: list[str] = []

    def closed(name: str, fault: BaseException) -> None:
        lost.append(name)
        errors.print(
            f"[bold red]error[/] the journal of {escape(name)} was not closed ({type(fault).__name__}: {fault})"
        )

    server = Server(settings, served, keys, closed=closed)
    server.stop_at_signals()
    place = f"[{settings.host}]" if ":" in settings.host else settings.host
    console.print(f"serving [bold]{escape(', '.join(served))}[/] at http://{place}:{server.port}/")
    console.print(f"journal: {escape(str(options.journal))}; " + ("no key needed" if file is None else f"keys: {file}"))
    server.run()
    console.print("stopped" if not lost else "stopped; autonomy serve goes on with what is on disk")
    return EXIT_ERROR if lost else EXIT_OK


def _fsync(text: str) -> Fsync:
    for name in NAMED_FSYNC:
        if text == name:
            return name
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise ConfigError("--fsync", "", f"found {text!r}; expected always, daily, never or a number of lines >= 1")

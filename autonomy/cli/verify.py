"""`autonomy verify`: whether journals are whole, in order and unchanged, and every step decides the same again."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from autonomy.cli.arguments import EXIT_OK, EXIT_UNSAFE, Commands

SHOWN = 20
"""Findings of one journal that are printed."""


def add_command(commands: Commands) -> None:
    """Add `autonomy verify` to the command line."""
    job = commands.add_parser(
        "verify",
        help="check decision journals and decide every step again",
        description="Find truncation, edits, reordering, missing and repeated steps, a wrong header or a broken Merkle "
        "root in decision journals, and decide every step again from the journal alone: every float must be equal. "
        "Exit codes: 0 verified, 2 not, 1 an error.",
    )
    job.add_argument("path", metavar="PATH", type=Path, help="a journal, or a folder with journals (*.jsonl) in it")
    job.add_argument("--no-replay", action="store_true", help="check the chain only, decide nothing again")
    job.add_argument(
        "--open", action="store_true", help="accept a journal that is still written, or was cut by a crash"
    )
    job.add_argument(
        "--published",
        metavar="HASH",
        action="append",
        default=[],
        help="hash of a line, or a Merkle root, kept elsewhere: it must be in one of the journals; may be repeated",
    )
    job.set_defaults(carry_out=verify_command)


def verify_command(options: argparse.Namespace, _words: Sequence[str]) -> int:
    """Carry out `autonomy verify`; see `add_command` for the options."""
    from autonomy.journal.verify import journals_below, verify  # noqa: PLC0415 - only when needed

    console = Console(highlight=False, soft_wrap=True)
    missing, all_verified = dict.fromkeys(options.published), True
    for path in journals_below(options.path):
        found = verify(path, with_replay=not options.no_replay, may_be_open=options.open, wanted=missing)
        missing = {item: None for item in missing if item not in found.met}
        all_verified &= found.is_verified
        verdict = "[bold green]verified[/]" if found.is_verified else "[bold red]NOT verified[/]"
        replayed = f", {found.replayed} decided again" if not options.no_replay else ""
        console.print(
            f"{verdict} {escape(str(path))}: {found.lines} lines, {found.decisions} decisions{replayed}, {found.roots} "
            f"roots; last line {found.head}"
        )
        for place, text in found.findings[:SHOWN]:
            console.print(f"  line {place}: {escape(text)}")
        if len(found.findings) > SHOWN:
            console.print(f"  and {len(found.findings) - SHOWN} more")
        if found.unexplained:
            console.print(f"  {found.unexplained} decisions rest on an internal error, taken from the journal as it is")
        if found.made_elsewhere and not found.is_verified:
            console.print("  it was written with other versions or on another processor: last bits may differ there")
    for item in missing:
        console.print(f"[bold red]NOT verified[/] the published hash {escape(item)} is in no journal")
    return EXIT_OK if all_verified and not missing else EXIT_UNSAFE

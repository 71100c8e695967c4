"""`autonomy verify`: whether journals are whole, in order and unchanged, and every step decides the same again.

A folder that `autonomy report` wrote is checked by the checker that lies in it, too: the package's own copy of it. With
`--lemmas` it has the proofs of the trusted core proved again instead, or as well.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

import autonomy
from autonomy.cli.arguments import EXIT_OK, EXIT_UNSAFE, Commands
from autonomy.errors import ConfigError

MANIFEST, JOURNALS = "manifest.json", "evidence/journal"
PLANTED = "control-"
"""How the names of journals begin that a core broken on purpose wrote: no whole core decides so again."""
SHOWN = 20
"""Findings of one journal that are printed."""


def add_command(commands: Commands) -> None:
    """Add `autonomy verify` to the command line."""
    job = commands.add_parser(
        "verify",
        help="check a safety report, or decision journals; decide every step again; have the lemmas proved again",
        description="Find truncation, edits, reordering, missing and repeated steps, a wrong header or a broken Merkle "
        "root in decision journals, and decide every step again from the journal alone: every float must be equal. "
        "In a folder that autonomy report wrote, check every claim first, as python -I -S verify.py does. "
        "With --lemmas, have every lemma about the trusted core proved by two solvers. "
        "Exit codes: 0 verified, 2 not, 1 an error.",
    )
    job.add_argument(
        "path", metavar="PATH", type=Path, nargs="?", help="a report, a journal, or a folder with journals in it"
    )
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
    job.add_argument(
        "--lemmas", action="store_true", help="have z3 and cvc5 prove the lemmas; needs the extra [proofs]"
    )
    job.add_argument(
        "--counterexamples", action="store_true", help="with --lemmas: print what refutes each lemma broken on purpose"
    )
    job.set_defaults(carry_out=verify_command)


def verify_command(options: argparse.Namespace, _words: Sequence[str]) -> int:
    """Carry out `autonomy verify`; see `add_command` for the options."""
    if options.path is None and not options.lemmas:
        raise ConfigError("autonomy verify", "", "needs the PATH of a report or a journal, or --lemmas")
    is_report = options.path is not None and (options.path / MANIFEST).is_file()
    verified = not is_report or _verify_report(options.path)
    if options.path is not None and not (is_report and options.no_replay):
        verified &= _verify_journals(options, is_report=is_report)
    if options.lemmas:
        verified &= _prove_lemmas(options)
    return EXIT_OK if verified else EXIT_UNSAFE


def _verify_report(folder: Path) -> bool:
    """Return whether a report's claims are what its evidence shows; print a line each.

    It is a process of its own: the checker is to see nothing of this package, and forks.
    """
    checker = Path(autonomy.__file__).with_name("safety") / "verifier.py"
    command = [sys.executable, "-I", "-S", str(checker), str(folder)]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own file
    print(said.stdout, end="")
    return said.returncode == EXIT_OK


def _prove_lemmas(options: argparse.Namespace) -> bool:
    """Return whether every lemma was proved; print the table."""
    from autonomy.proofs import prove_all  # noqa: PLC0415 - only when needed
    from autonomy.proofs.table import print_proofs  # noqa: PLC0415

    proofs = prove_all()
    print_proofs(proofs, Console(highlight=False), with_counterexamples=options.counterexamples)
    return all(proof.is_proved for proof in proofs)


def _verify_journals(options: argparse.Namespace, *, is_report: bool) -> bool:
    """Return whether every journal is whole and decides the same again; print what was found."""
    from autonomy.journal.verify import journals_below, verify  # noqa: PLC0415 - only when needed

    console = Console(highlight=False, soft_wrap=True)
    missing, all_verified = dict.fromkeys(options.published), True
    for path in journals_below(options.path / JOURNALS if is_report else options.path):
        if is_report and path.name.startswith(PLANTED):
            continue
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
    return all_verified and not missing

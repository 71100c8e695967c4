"""Whether a journal is whole, in its order and unchanged, and decides the same again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autonomy.errors import DataError
from autonomy.journal.chain import ChainReader, Finding, Kind, Line
from autonomy.journal.header import made_here
from autonomy.layers.decision import Cause

if TYPE_CHECKING:
    from autonomy.journal.replay import Replayer

SUFFIX = ".jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What was found of one journal.

    Attributes:
        path: The file.
        findings: What is not as it should be; nothing if it is verified.
        lines: Lines, half ones left out.
        decisions: Decisions among them.
        roots: Root lines among them.
        replayed: Decisions that were decided again.
        unexplained: Of these, those that rest on an internal error, which is taken from the journal as it is.
        head: Hash of the last line.
        met: Hashes that were wanted and are in the journal.
        made_elsewhere: Whether it was written with other versions of the libraries, or on another kind of processor.
    """

    path: Path
    findings: tuple[Finding, ...]
    lines: int
    decisions: int
    roots: int
    replayed: int
    unexplained: int
    head: str
    met: frozenset[str]
    made_elsewhere: bool

    @property
    def is_verified(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def journals_below(path: Path) -> list[Path]:
    """Return the journal itself, or all journals in a folder and the folders in it.

    Raises:
        DataError: there is none.
    """
    if not path.is_dir():
        if not path.is_file():
            raise DataError(path, "no such file or folder")
        return [path]
    found = sorted(path.rglob(f"*{SUFFIX}"))
    if not found:
        raise DataError(path, f"has no journal in it; expected files named *{SUFFIX}")
    return found


def verify(
    path: Path, *, with_replay: bool = True, may_be_open: bool = False, wanted: Collection[str] = ()
) -> Verification:
    """Check a journal.

    Args:
        path: The file.
        with_replay: Decide every step again; else check the chain only.
        may_be_open: Accept a journal without a closing root line, and half a line at its end: it is being written, or
            its writer was killed. Whether lines are missing at its end cannot be told then.
        wanted: Hashes of lines, or Merkle roots, that somebody has kept elsewhere; `Verification.met` says which of
            them are in the journal.

    Raises:
        OSError: the file cannot be read.
        OptionalDependencyError: the journal's backend or look-ahead needs a library that is not installed.
        ConfigError: the journal's backend is unknown.
    """
    reader, check = ChainReader(), _Replay(with_replay=with_replay)
    met = set[str]()
    with path.open("rb") as file:
        for line in reader.lines(file):
            met.update({line.hash, str(line.said.get("root"))}.intersection(wanted))
            check.line(line)
    findings = [*reader.findings, *check.findings]
    last = reader.places + bool(reader.half_line)
    if not reader.places and not reader.half_line:
        findings.append(Finding(1, "the journal is empty; expected a header"))
    elif not may_be_open:
        if reader.half_line:
            text = f"is half a line of {reader.half_line} bytes: it was cut off, or its writer was killed"
            findings.append(Finding(last, text))
        elif not reader.is_closed:
            text = "the journal has no closing root line: lines are missing, or it is still written (--open accepts it)"
            findings.append(Finding(last, text))
    return Verification(
        path=path,
        findings=tuple(sorted(findings, key=lambda finding: finding.line)),
        lines=reader.places,
        decisions=reader.decisions,
        roots=reader.roots,
        replayed=check.replayed,
        unexplained=check.unexplained,
        head=reader.head,
        met=frozenset(met),
        made_elsewhere=check.made_elsewhere,
    )


class _Replay:
    """Decides again what one journal says, as long as its headers make sense."""

    def __init__(self, *, with_replay: bool) -> None:
        self._is_on = with_replay
        self._replayer: Replayer | None = None
        self.findings: list[Finding] = []
        self.replayed = self.unexplained = 0
        self.made_elsewhere = False

    def line(self, line: Line) -> None:
        """Take the next line."""
        if not self._is_on:
            return
        try:
            if line.kind is Kind.HEADER:
                self._begin(line)
            elif self._replayer is not None:
                self._go_on(self._replayer, line)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as fault:
            self._find(line, f"cannot be decided again ({type(fault).__name__}: {fault})")

    def _begin(self, line: Line) -> None:
        from autonomy.journal.replay import Replayer  # noqa: PLC0415 - loads the controller

        self._replayer = None
        self.made_elsewhere |= not made_here(line.said["header"])
        if line.terms is not None:
            self._replayer = Replayer(line.terms)
            self._replayer.go_on(line.said["start"])

    def _go_on(self, replayer: Replayer, line: Line) -> None:
        if line.kind is Kind.GAP and line.said["start"] is not None:
            replayer.go_on(line.said["start"])
        if line.kind is not Kind.DECISION:
            return
        difference = replayer.difference(line.said, line.body)
        self.replayed += 1
        self.unexplained += any(reason["cause"] == Cause.INTERNAL_ERROR for reason in line.said["reasons"])
        if difference:
            self._find(line, f"decides otherwise when decided again: {difference}")
            replayer.go_on({"step": line.said["step"] + 1, "battery_kw": line.said["decided"]["battery_kw"]})

    def _find(self, line: Line, text: str) -> None:
        self.findings.append(Finding(line.place, text))

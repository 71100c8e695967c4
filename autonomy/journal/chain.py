"""Reading a journal line by line, and everything that can be checked without deciding again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from autonomy.entry import Terms
from autonomy.journal.header import terms_of
from autonomy.journal.line import GENESIS, Parts, take_apart
from autonomy.journal.merkle import MerkleTree
from autonomy.layers.errors import AutonomyError


class Kind(StrEnum):
    """What a line is, by the keys it has."""

    HEADER = "header"
    DECISION = "decision"
    GAP = "gap"
    ROOT = "root"


KEYS = {
    ("header", "start", "cut_bytes"): Kind.HEADER,
    (
        "number", "step", "observed", "doubts", "answer", "mode", "decided", "caps", "intervention_kw", "certificate",
        "reasons",
    ): Kind.DECISION,
    ("gap", "why", "start"): Kind.GAP,
    ("root", "first_line", "lines", "closes"): Kind.ROOT,
}  # fmt: skip
"""The keys of each kind of line, in their order."""


class Finding(NamedTuple):
    """Something that is not as it should be.

    Attributes:
        line: Number of the line, as an editor counts it.
        text: What was found and what was expected.
    """

    line: int
    text: str


class Line(NamedTuple):
    """A line that could be read, whatever was found about it.

    Attributes:
        place: Number of the line, as an editor counts it.
        kind: What it is.
        said: Its body.
        body: The same as text.
        hash: Its hash as it says.
        terms: What a header states; None in other lines, and where a header makes no sense.
    """

    place: int
    kind: Kind
    said: dict[str, Any]
    body: bytes
    hash: str
    terms: Terms | None


class ChainReader:
    """Reads one journal; `lines` goes through it once, and the attributes are complete after that.

    Attributes:
        findings: What is not as it should be, in the order of the lines.
        half_line: Bytes after the last line feed: a line that was not finished.
        whole: Bytes before them.
        is_closed: Whether the last line is a root line that closes the journal.
        head: Hash of the last line.
        decisions: How many there are.
        missing: How many decisions gap lines say are missing.
        roots: How many root lines there are.
        number: Number of the next decision.
        places: Lines so far.
        tree: The lines since the last root line.
        lines_a_root: Of the last header; 0 before it.
        community_sha256: Of the first header, "" before it.
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.half_line = self.whole = 0
        self.is_closed = False
        self.head, self.community_sha256 = GENESIS, ""
        self.decisions = self.missing = self.roots = self.number = self.places = self.lines_a_root = 0
        self.tree = MerkleTree()
        self._step: int | None = None
        self._is_due = self._owes_root = False

    def lines(self, file: Iterable[bytes]) -> Iterator[Line]:
        """Yield every line that can be read.

        Args:
            file: The lines of the file, each with its line feed.
        """
        for text in file:
            if not text.endswith(b"\n"):
                self.half_line = len(text)
                break
            self.places += 1
            self.whole += len(text)
            line = self._line(take_apart(text[:-1]))
            if line is not None:
                yield line

    def _line(self, parts: Parts | None) -> Line | None:
        if parts is None:
            self._find('is no line of a journal; expected {"previous":"…", … ,"hash":"…"}')
            return None
        if parts.actual != parts.hash:
            self._find(f"was changed: its SHA-256 is {parts.actual}; the line says {parts.hash}")
        if parts.previous != self.head:
            before = f"the hash of line {self.places - 1}" if self.places > 1 else "64 zeros in the first line"
            self._find(
                f"does not follow the line before it: previous is {parts.previous}; expected {self.head}, {before} "
                "(lines were changed, removed, added or moved here)"
            )
        self.head = parts.hash
        try:
            said = orjson.loads(parts.body)
        except orjson.JSONDecodeError as fault:
            self._find(f"is not JSON ({fault})")
            return None
        kind = KEYS.get(tuple(said))
        if kind is None:
            self._find(f"has the keys {', '.join(map(repr, said))}; expected those of a {', '.join(Kind)}")
            return None
        line = Line(self.places, kind, said, parts.body, parts.hash, None)
        try:
            line = CHECKS[kind](self, line)
        except (KeyError, TypeError, ValueError) as fault:
            self._find(f"does not say what a {kind} says ({type(fault).__name__}: {fault})")
        if self._owes_root and kind is not Kind.ROOT:
            self._find(f"is a {kind}; expected a root line after {self.lines_a_root} lines")
        if kind is not Kind.ROOT:
            self._grow(parts.hash)
        self._owes_root = kind is Kind.DECISION and 0 < self.lines_a_root <= self.tree.size
        self.is_closed = kind is Kind.ROOT and said["closes"] is True
        return line

    def _grow(self, line_hash: str) -> None:
        try:
            self.tree.append(line_hash)
        except ValueError:
            self._find(f"has the hash {line_hash!r}, which is not hexadecimal")

    def _header(self, line: Line) -> Line:
        header = line.said["header"]
        self.lines_a_root = max(int(header["lines_a_root"]), 1)
        self._step, self._is_due = int(line.said["start"]["step"]), False
        try:
            terms = terms_of(header)
        except (ValueError, AutonomyError) as fault:
            self._find(f"the header is wrong: {fault}")
            return line
        if self.community_sha256 not in ("", header["community_sha256"]):
            self._find("the header has another community than the one before; expected one community a journal")
        self.community_sha256 = header["community_sha256"]
        return line._replace(terms=terms)

    def _decision(self, line: Line) -> Line:
        self._require_header(line)
        number, step = line.said["number"], line.said["step"]
        if number != self.number:
            what = "decisions are missing" if number > self.number else "it was there before, or lines were moved"
            self._find(f"is decision {number}; expected {self.number}: {what}")
        if self._step is not None and step not in (self._step, 0):
            self._find(f"is step {step}; expected {self._step}, or 0 after a reset")
        self.number, self._step = number + 1, step + 1
        self.decisions += 1
        return line

    def _gap(self, line: Line) -> Line:
        self._require_header(line)
        lost, start = line.said["gap"], line.said["start"]
        self._find(f"{lost} decision(s) are missing: they could not be written ({line.said['why']})")
        self.missing += lost
        self.number += lost
        self._step = None if start is None else int(start["step"])
        return line

    def _root(self, line: Line) -> Line:
        self._require_header(line)
        said, tree = line.said, self.tree
        first = self.places - tree.size
        if (said["first_line"], said["lines"]) != (first, tree.size):
            self._find(
                f"is the root of {said['lines']} lines from line {said['first_line']}; expected {tree.size} lines from "
                f"line {first}"
            )
        elif said["root"] != tree.root():
            self._find(f"the Merkle root is {said['root']}; expected {tree.root()}")
        if said["closes"] not in (True, False):
            self._find(f"closes is {said['closes']!r}; expected true or false")
        if not said["closes"] and tree.size < self.lines_a_root:
            self._find(f"is a root of {tree.size} lines only; expected {self.lines_a_root}, unless it closes")
        self.roots, self.tree, self._is_due = self.roots + 1, MerkleTree(), bool(said["closes"])
        return line

    def _require_header(self, line: Line) -> None:
        if self.lines_a_root == 0 and line.place == 1:
            self._find(f"is a {line.kind}; expected a header first")
        if self._is_due:
            self._find(f"is a {line.kind} after the closing root; expected a header")
            self._is_due = False

    def _find(self, text: str) -> None:
        self.findings.append(Finding(self.places, text))


CHECKS = {
    Kind.HEADER: ChainReader._header,
    Kind.DECISION: ChainReader._decision,
    Kind.GAP: ChainReader._gap,
    Kind.ROOT: ChainReader._root,
}
"""What is checked of each kind of line beyond its place in the chain."""

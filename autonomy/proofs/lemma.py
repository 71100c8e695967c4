"""A lemma: an SMT-LIB file with a header for people, hypotheses, and the claim negated.

    ; Lemma 21: greedy-step
    ;
    ; statement:   in words
    ; symbols:     what each stands for, in the letters of docs/notation.md
    ; code:        file | line of it that the lemma speaks about
    ; every N:     why it suffices for any number of prosumers and lines
    ; control:     what is broken in it, and where: a text that occurs once (-), and what it becomes (+)

The last assertion is the claim, negated: a solver that answers `unsat` has proved it. A control is the same file with
one place broken; it has to be `sat`, or the lemma could not have failed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

from autonomy.proofs.script import Script

BODY = "(set-logic"
"""Where the header ends."""
INDENT = ";   "
FILE = re.compile(r"(\d\d)-([\w-]+)\.smt2")
SECTION = re.compile(r"; (statement|symbols|code|every N|control):")


class LemmaError(ValueError):
    """A lemma's file is not as it should be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A line of the code.

    Attributes:
        path: File, from the root of the repository.
        line: The line without its indent.
    """

    path: str
    line: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """A way to break a lemma.

    Attributes:
        text: What is wrong with it, in words.
        old: The place in the file, which occurs once.
        new: What stands there instead.
    """

    text: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True)
class Lemma:
    """One lemma.

    Attributes:
        number: Its number.
        name: Its name.
        statement: What it says, in words.
        symbols: What its symbols stand for, line by line.
        code: The lines of code it speaks about.
        every_n: Why it suffices for any number of prosumers and lines.
        controls: Ways to break it.
        text: The whole file.
        sha256: Of the file, hexadecimal.
    """

    number: int
    name: str
    statement: str
    symbols: tuple[str, ...]
    code: tuple[Place, ...]
    every_n: str
    controls: tuple[Control, ...]
    text: str
    sha256: str

    @cached_property
    def script(self) -> Script:
        """What a solver is given."""
        return Script(self.text)

    def broken(self, control: Control) -> Script:
        """Return the script with one place broken."""
        body = self.text[self.text.index(BODY) :]
        return Script(body.replace(control.old, control.new))


def lemmas() -> tuple[Lemma, ...]:
    """Return all lemmas that ship with the package, in the order of their numbers."""
    folder = resources.files("autonomy.proofs") / "lemmas"
    files = sorted((file for file in folder.iterdir() if FILE.fullmatch(file.name)), key=lambda file: file.name)
    return tuple(lemma_of(file.name, file.read_bytes()) for file in files)


def lemma_of(name: str, content: bytes) -> Lemma:
    """Return the lemma of a file.

    Raises:
        LemmaError: a section is missing, or the place that a control breaks does not occur exactly once.
        ExpressionError: it is no script.
    """
    matched = FILE.fullmatch(name)
    text = content.decode("utf-8")
    head, found, body = text.partition(BODY)
    if matched is None or not found:
        raise LemmaError(f"{name}: expected a name like 21-greedy-step.smt2 and a script after the header")
    sections = _sections(head)
    for section in ("statement", "symbols", "code", "every N", "control"):
        if section not in sections:
            raise LemmaError(f"{name}: the header has no section {section!r}")
    controls = tuple(_control(lines) for lines in sections["control"])
    for control in controls:
        if (found + body).count(control.old) != 1:
            raise LemmaError(f"{name}: {control.old!r} does not occur exactly once")
    lemma = Lemma(
        number=int(matched[1]),
        name=matched[2],
        statement=" ".join(sections["statement"][0]),
        symbols=tuple(sections["symbols"][0]),
        code=tuple(map(_place, sections["code"][0])),
        every_n=" ".join(sections["every N"][0]),
        controls=controls,
        text=text,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    for script in (lemma.script, *map(lemma.broken, controls)):
        if not script.symbols:
            raise LemmaError(f"{name}: nothing is declared")
    return lemma


def _sections(head: str) -> dict[str, list[list[str]]]:
    """Return the lines of each section; a section may come more than once."""
    found: dict[str, list[list[str]]] = {}
    for line in head.splitlines():
        title = SECTION.fullmatch(line)
        if title is not None:
            found.setdefault(title[1], []).append([])
            lines = found[title[1]][-1]
        elif found and line.startswith(INDENT):
            lines.append(line.removeprefix(INDENT))
    return found


def _place(line: str) -> Place:
    path, _, quoted = line.partition(" | ")
    return Place(path=path, line=quoted)


def _control(lines: list[str]) -> Control:
    words: list[str] = []
    old: list[str] = []
    new: list[str] = []
    for line in lines:
        part = {"- ": old, "+ ": new}.get(line[:2])
        if part is None:
            words.append(line)
        else:
            part.append(line[2:])
    return Control(text=" ".join(words), old="\n".join(old), new="\n".join(new))

"""Writing a journal: each step's line is in the file before the decision is returned to the host."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeAlias

from autonomy.entry import Entry, Terms
from autonomy.journal.disk import Disk
from autonomy.journal.header import header_body, start_code
from autonomy.journal.line import GENESIS, decision_body, dumps, seal
from autonomy.journal.merkle import MerkleTree
from autonomy.journal.values import text_of
from autonomy.layers.decision import Cause, Reason
from autonomy.layers.errors import ConfigError

Fsync: TypeAlias = Literal["always", "daily", "never"] | int
BACKLOG = 1000
"""Lines that are kept in memory while the disk is full; of decisions beyond it, only their number is kept."""
HOURS_A_DAY = 24.0


class Chain:
    """Where a journal stands: what the next line is chained to.

    Attributes:
        head: Hash of the last line.
        number: Decisions so far.
        lines: Lines so far.
        tree: The lines since the last root line.
    """

    def __init__(self) -> None:
        self.head, self.number, self.lines, self.tree = GENESIS, 0, 0, MerkleTree()

    def add(self, line_hash: str, *, is_root: bool = False) -> None:
        """Go on by one line."""
        self.head, self.lines = line_hash, self.lines + 1
        if is_root:
            self.tree = MerkleTree()
        else:
            self.tree.append(line_hash)


class JsonLinesJournal:
    """Writes decisions to a file, as `docs/journal.md` describes. Use it as a context manager.

    A journal that was left by an exception, or by a process that was killed, lacks its last root line, and
    `autonomy verify` says so; `autonomy.journal.resume` goes on with it.

    Args:
        path: The file, which must be new or empty; `autonomy.journal.resume` goes on with one.
        fsync: When to wait until lines survive a power cut: "always" before a decision is returned, after every so
            many decisions, "daily" with each root line, "never". Whatever it is, every line is with the operating
            system before its decision is returned, and so survives the end of the process.
        lines_a_root: Lines after which a root line follows; None for the steps of a day.

    Raises:
        JournalError: there is a journal already, or somebody else is writing it.
        ConfigError: an argument is out of its range.
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path, *, fsync: Fsync = "never", lines_a_root: int | None = None) -> None:
        self._prepare(Disk(path, is_new=True), Chain(), fsync, lines_a_root)

    @classmethod
    def _after(
        cls, disk: Disk, chain: Chain, *, fsync: Fsync, lines_a_root: int | None, cut_bytes: int
    ) -> JsonLinesJournal:
        """Return a journal that goes on where another ended; see `autonomy.journal.resume`."""
        journal = cls.__new__(cls)
        journal._prepare(disk, chain, fsync, lines_a_root)
        journal._cut_bytes = cut_bytes
        return journal

    def _prepare(self, disk: Disk, chain: Chain, fsync: Fsync, lines_a_root: int | None) -> None:
        named = fsync in ("always", "daily", "never")
        if not named and (isinstance(fsync, bool | str) or not fsync >= 1):
            disk.close()
            raise ConfigError("fsync", "", f"found {fsync!r}; expected always, daily, never or a number of lines >= 1")
        if lines_a_root is not None and lines_a_root < 1:
            disk.close()
            raise ConfigError("lines_a_root", "", f"found {lines_a_root!r}; expected a number of lines >= 1")
        self.path = disk.path
        self._disk, self._chain = disk, chain
        self._every = {"always": 1, "daily": 0, "never": 0}[fsync] if isinstance(fsync, str) else fsync
        self._daily = fsync == "daily"
        self._lines_a_root, self._a_root = lines_a_root, 0
        self._terms: Terms | None = None
        self._cut_bytes: int | None = None
        self._waiting: deque[bytes] = deque()
        self._goal: tuple[int, int] | None = None
        self._is_failing = False
        self._unsynced = 0
        self._gap, self._why = 0, ""
        if self._every or self._daily:
            disk.sync_name()

    def record(self, entry: Entry) -> Reason | None:
        """Append one step; return why it could not be written, if it could not, else None.

        What could not be written is kept in memory, up to `BACKLOG` lines, and written first when there is room again.
        """
        if len(self._waiting) >= BACKLOG:
            fault = self._write()
            if fault is not None:
                return self._miss(str(fault))
        try:
            if entry.terms is not self._terms:
                self._begin(entry)
            elif self._gap:
                self._append_gap(start_code(entry.step, entry.previous_kw))
            body = decision_body(self._chain.number, entry)
        except Exception as odd:  # noqa: BLE001 - an observation may hold anything
            return self._miss(f"{type(odd).__name__}: {odd}")
        self._append(body)
        self._chain.number += 1
        if self._chain.tree.size >= self._a_root:
            self._append_root(closes=False)
        fault = self._write()
        if fault is None:
            return None
        waiting = len(self._waiting)
        written = "it is in the file, but may not survive a power cut"
        return self._failed(str(fault), f"{waiting} line(s) wait in memory" if waiting else written)

    def close(self) -> None:
        """Finish the journal with a root line.

        Raises:
            OSError: its last lines could not be written.
        """
        try:
            if self._chain.lines:
                self._append_root(closes=True)
            fault = self._write()
            if fault is not None:
                raise fault
            if self._unsynced:
                self._disk.sync()
        finally:
            self._disk.close()

    def abandon(self) -> None:
        """Stop without a last root line, as if the process had been killed; `resume` can go on with it."""
        self._disk.close()

    def __enter__(self) -> JsonLinesJournal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _begin(self, entry: Entry) -> None:
        """Write a header: at the start, after a restart, and when another controller writes the same journal."""
        terms = entry.terms
        self._a_root = self._lines_a_root or max(round(HOURS_A_DAY / terms.community.timestep_h), 1)
        cut = self._cut_bytes if self._chain.lines and self._cut_bytes is not None else None
        body = header_body(
            terms, lines_a_root=self._a_root, step=entry.step, previous_kw=entry.previous_kw, cut_bytes=cut
        )
        if self._gap:
            self._append_gap(None)
        self._append(body)
        self._terms, self._cut_bytes = terms, None

    def _append_gap(self, start: dict[str, Any] | None) -> None:
        """Say how many decisions have no line, and where the controller stands after them."""
        self._append(dumps({"gap": self._gap, "why": text_of(self._why), "start": start}))
        self._chain.number += self._gap
        self._gap = 0

    def _append(self, body: bytes, *, is_root: bool = False) -> None:
        line = seal(self._chain.head, body)
        self._waiting.append(line.text)
        self._chain.add(line.hash, is_root=is_root)

    def _append_root(self, *, closes: bool) -> None:
        tree = self._chain.tree
        first = self._chain.lines - tree.size + 1
        root = {"root": tree.root(), "first_line": first, "lines": tree.size, "closes": closes}
        self._append(dumps(root), is_root=True)
        self._unsynced += self._daily

    def _write(self) -> OSError | None:
        """Write whatever waits; return what went wrong. After a failure one line is tried before all the others."""
        waiting, disk = self._waiting, self._disk
        if self._goal is not None and disk.length == self._goal[0]:
            self._written(self._goal[1])  # it was interrupted after these were written
        while waiting:
            lines = 1 if self._is_failing else len(waiting)
            data = waiting[0] if lines == 1 else b"".join(waiting)
            self._goal = disk.length + len(data), lines
            try:
                disk.append(data)
            except OSError as fault:
                self._is_failing = True
                return fault
            self._is_failing = False
            self._written(lines)
        return self._sync()

    def _written(self, lines: int) -> None:
        for _ in range(lines):
            self._waiting.popleft()
        self._goal = None
        self._unsynced += lines if self._every else 0

    def _sync(self) -> OSError | None:
        if not self._unsynced or self._unsynced < self._every:
            return None
        try:
            self._disk.sync()
        except OSError as fault:
            return fault
        self._unsynced = 0
        return None

    def _miss(self, why: str) -> Reason:
        """Count a decision that has no line."""
        self._gap, self._why = self._gap + 1, why
        return self._failed(why, f"{self._gap} decision(s) will be missing")

    def _failed(self, why: str, state: str) -> Reason:
        return Reason(cause=Cause.JOURNAL_FAILED, text=f"the journal failed ({why}); {state}")

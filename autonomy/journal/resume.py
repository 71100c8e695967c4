"""Going on with a journal: after a crash, a power cut, or on the next morning."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from autonomy.journal.chain import ChainReader, Kind, Line
from autonomy.journal.disk import Disk
from autonomy.journal.errors import JournalError
from autonomy.journal.header import community_sha256
from autonomy.journal.values import decode
from autonomy.journal.writer import Chain, Fsync, JsonLinesJournal

if TYPE_CHECKING:
    from autonomy.controller import Controller


def resume(
    controller: Controller, path: Path, *, fsync: Fsync = "never", lines_a_root: int | None = None
) -> JsonLinesJournal:
    """Go on with the journal at `path`, or begin it, and put the controller where the last line left it.

    Half a line at the end, from a decision that was never returned, is cut off; the header that follows says how many
    bytes that were. The controller goes on with the next step and from the last battery powers, and writes to the
    journal. What a policy or a host keeps for itself is theirs to restore.

    Args:
        controller: A controller of the same community; anything else about it may be new.
        path: The journal.
        fsync: As for `JsonLinesJournal`.
        lines_a_root: Likewise.

    Raises:
        JournalError: the journal is broken, is of another community, or somebody else is writing it.
        ConfigError: an argument is out of its range.
        OSError: the file cannot be read or written.
    """
    disk = Disk(path, is_new=False)
    try:
        reader, last = _read(disk, controller)
        cut = reader.half_line
        if cut:
            disk.cut(reader.whole)
    except BaseException:
        disk.close()
        raise
    chain = Chain()
    chain.head, chain.number, chain.lines, chain.tree = reader.head, reader.number, reader.places, reader.tree
    journal = JsonLinesJournal._after(disk, chain, fsync=fsync, lines_a_root=lines_a_root, cut_bytes=cut)
    if reader.lines_a_root and reader.tree.size >= reader.lines_a_root:
        journal._append_root(closes=False)  # the root line was the half line
    if last is not None:
        if last.kind is Kind.DECISION:
            step, battery = last.said["step"] + 1, last.said["decided"]["battery_kw"]
        else:
            step, battery = last.said["start"]["step"], last.said["start"]["battery_kw"]
        controller.restore(step=step, battery_kw=decode(battery))
    controller.journal = journal
    return journal


def _read(disk: Disk, controller: Controller) -> tuple[ChainReader, Line | None]:
    """Return the journal read to its end, and the last line that says where the controller stands."""
    reader, last = ChainReader(), None
    for line in reader.lines(io.BytesIO(disk.read())):
        if line.kind is Kind.DECISION or line.said.get("start") is not None:
            last = line
        if line.kind is Kind.GAP and reader.findings and reader.findings[-1].line == line.place:
            reader.findings.pop()  # what is missing is known, and no reason not to go on
    if reader.findings:
        place, text = reader.findings[0]
        raise JournalError(disk.path, f"line {place}: {text}; nothing is added to a broken journal, begin a new one")
    if reader.community_sha256 not in ("", community_sha256(controller.community)):
        raise JournalError(disk.path, "is the journal of another community; begin a new one")
    return reader, last

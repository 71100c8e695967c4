"""The decision journal: one canonical JSON line a decision, chained by SHA-256, enough to decide every step again.

    writer   one line a step, before the action is returned          resume   go on after a crash
    verify   whether a journal is whole, and decides the same again  merkle   one line proved with a short path

`docs/journal.md` has the format, what it proves and what it does not.
"""

from autonomy.journal.resume import resume
from autonomy.journal.writer import JsonLinesJournal

__all__ = ["JsonLinesJournal", "resume"]

"""`autonomy benchmark journal`: what a line of the journal costs, by what is waited for."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autonomy.benchmark.clock import hot
from autonomy.benchmark.step import community, observations
from autonomy.benchmark.table import Table
from autonomy.controller import Controller
from autonomy.entry import Entry
from autonomy.journal import JsonLinesJournal
from autonomy.journal.line import GENESIS, decision_body, seal
from autonomy.journal.writer import Fsync
from autonomy.report.quantity import duration

SCHEMA = "autonomy-benchmark-journal/1"
POLICIES: tuple[Fsync, ...] = ("never", "daily", 100, 10, "always")
SLOW = 10
"""Calls are so many times fewer where every one waits for the disk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalRow:
    """Cost of one line.

    Attributes:
        fsync: What is waited for.
        n: Prosumers.
        lines: Lines that were timed.
        line_bytes: Median length of a line.
        p50_s: Median time of a line written.
        p99_s: 99th percentile.
        mean_s: Mean, into which rare waits go.
        text_s: Median time of its text alone.
        chain_s: Median time of its hash and its form alone.
    """

    fsync: str
    n: int
    lines: int
    line_bytes: int
    p50_s: float
    p99_s: float
    mean_s: float
    text_s: float
    chain_s: float


class _Kept:
    """A journal that keeps the entries themselves."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def record(self, entry: Entry) -> None:
        """Keep an entry."""
        self.entries.append(entry)


def measure_journal(n: int, *, lines: int, seed: int, overhead_s: float, folder: Path) -> list[JournalRow]:
    """Time the lines of a day of self-consumption, again and again, in files of a folder."""
    kept = _Kept()
    controller = Controller(community("feeder", n, seed), policy="self-consumption", journal=kept)
    for observation in observations(n, seed):
        controller.step(observation)
    entries = kept.entries
    text = hot(lambda entry: decision_body(0, entry), entries, lines, overhead_s)
    bodies = [decision_body(0, entry) for entry in entries]
    chain = hot(lambda body: seal(GENESIS, body), bodies, lines, overhead_s)
    rows = []
    for fsync in POLICIES:
        calls = lines if fsync != "always" else max(lines // SLOW, 1)
        with (
            tempfile.TemporaryDirectory(dir=folder) as place,
            JsonLinesJournal(Path(place) / "a.jsonl", fsync=fsync) as journal,
        ):
            times = hot(journal.record, entries, calls, overhead_s)
        rows.append(
            JournalRow(
                fsync=fsync if isinstance(fsync, str) else f"every {fsync}",
                n=n,
                lines=times.seconds.size,
                line_bytes=int(np.median([len(seal(GENESIS, body).text) for body in bodies])),
                p50_s=float(np.median(times.seconds)),
                p99_s=float(np.quantile(times.seconds, 0.99)),
                mean_s=float(times.seconds.mean()),
                text_s=float(np.median(text.seconds)),
                chain_s=float(np.median(chain.seconds)),
            )
        )
    return rows


def journal_tables(rows: Sequence[JournalRow]) -> tuple[Table, ...]:
    """Return what a line costs."""
    cells = [
        (
            row.fsync,
            f"{row.n:,}",
            f"{row.line_bytes:,}",
            *map(duration, (row.p50_s, row.p99_s, row.mean_s, row.text_s, row.chain_s)),
        )
        for row in rows
    ]
    return (
        Table(
            title="One line of the journal",
            note="Median, 99th percentile and mean of a line written, in a tight loop; text (its numbers printed) and "
            "chain (SHA-256) are parts of it. fsync says after which lines the disk is waited for.",
            head=("fsync", "N", "bytes", "p50", "p99", "mean", "text", "chain"),
            rows=tuple(cells),
        ),
    )

"""An append-only file in which there is never half a line: what cannot be written whole is taken back."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from autonomy.journal.errors import JournalError
from autonomy.journal.lock import lock

force = os.fdatasync if hasattr(os, "fdatasync") else os.fsync


class Disk:
    """Appends to one file, which nobody else may write meanwhile.

    Args:
        path: The file; it is made if it does not exist.
        is_new: Whether there must be nothing in it yet.

    Raises:
        JournalError: somebody else writes the file, or it is not empty although it should be.
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path, *, is_new: bool) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        self.path = path
        self._descriptor = os.open(path, flags, 0o644)
        try:
            if not lock(self._descriptor):
                raise JournalError(path, "another process, or another journal of this one, is writing it")
            self.length = os.fstat(self._descriptor).st_size
            if is_new and self.length:
                raise JournalError(path, "there is a journal already; go on with it (resume), or choose another name")
        except BaseException:
            os.close(self._descriptor)
            raise
        self._is_torn = False

    def read(self) -> bytes:
        """Return the whole file."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        parts = []
        while part := os.read(self._descriptor, 1 << 20):
            parts.append(part)
        return b"".join(parts)

    def append(self, data: bytes) -> None:
        """Write all of `data` at the end, or none of it.

        Raises:
            OSError: it could not be written; the file is as it was, or will be before anything else is written.
        """
        if self._is_torn:
            self.cut(self.length)
        try:
            rest = data
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BaseException:
            self._is_torn = True
            with contextlib.suppress(OSError):
                self.cut(self.length)
            raise
        self.length += len(data)

    def cut(self, length: int) -> None:
        """Cut the file to its first `length` bytes."""
        os.ftruncate(self._descriptor, length)
        self.length, self._is_torn = length, False

    def sync(self) -> None:
        """Wait until everything written survives a power cut."""
        force(self._descriptor)

    def sync_name(self) -> None:
        """Wait until the file's name survives a power cut; where folders cannot be opened, they need no such help."""
        try:
            folder = os.open(self.path.resolve().parent, os.O_RDONLY)
        except OSError:
            return
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Close the file and give up the lock."""
        os.close(self._descriptor)

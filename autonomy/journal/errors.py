"""What can be wrong with a journal that somebody wants to write or go on with."""

from __future__ import annotations

from pathlib import Path

from autonomy.layers.errors import AutonomyError


class JournalError(AutonomyError):
    """A journal cannot be written, or not be gone on with.

    Args:
        path: The file.
        problem: What was found and what can be done, one sentence.
    """

    def __init__(self, path: Path, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"{path}: {problem}")

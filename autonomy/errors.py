"""Errors that a user can cause, each with its evidence and its exit code.

`ModelError` and `ConfigError` live in `autonomy.layers.errors`, because the layers raise them.
"""

from __future__ import annotations

from pathlib import Path

from autonomy.layers.errors import AutonomyError, ConfigError, ModelError, did_you_mean

__all__ = ["AutonomyError", "ConfigError", "DataError", "ModelError", "OptionalDependencyError", "did_you_mean"]


class DataError(AutonomyError):
    """A data file is wrong at a known place.

    Args:
        path: The file.
        problem: What was found and what was expected, one sentence.
        row: The row as an editor counts it (the header is row 1), or None when the fault is not in one row.
        column: The column's name, or None.
    """

    def __init__(self, path: str | Path, problem: str, *, row: int | None = None, column: str | None = None) -> None:
        self.path, self.row, self.column, self.problem = Path(path), row, column, problem
        place = "".join([f", row {row}" if row is not None else "", f", column {column!r}" if column else ""])
        super().__init__(f"{path}{place}: {problem}")


class OptionalDependencyError(AutonomyError):
    """A feature needs an extra that is not installed.

    Args:
        feature: What was asked for.
        extra: The extra of this distribution that brings it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        self.feature, self.extra = feature, extra
        super().__init__(f"{feature} needs an optional library: pip install 'autonomy-stack[{extra}]'")

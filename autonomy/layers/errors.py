"""The base of every error a user can cause, and the two the model itself raises."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the nearest known word, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


class AutonomyError(Exception):
    """An error with a sentence for the user; the command line prints it and exits with `exit_code`."""

    exit_code = 1


class ModelError(AutonomyError, ValueError):
    """A value of the model is wrong.

    Args:
        field: The field's name, as the user writes it.
        value: The value that was found.
        expected: What was expected, with its unit.
    """

    def __init__(self, field: str, value: object, expected: str) -> None:
        self.field, self.value, self.expected = field, value, expected
        super().__init__(f"{field} = {value!r}: expected {expected}")


class ConfigError(AutonomyError):
    """A configuration file or a command-line option is wrong.

    Args:
        source: The file or option that carries the fault.
        key: The dotted key inside it, or an empty string.
        problem: What was found and what was expected, one sentence.
    """

    def __init__(self, source: str | Path, key: str, problem: str) -> None:
        self.source, self.key, self.problem = str(source), key, problem
        super().__init__(f"{source}: {key + ': ' if key else ''}{problem}")

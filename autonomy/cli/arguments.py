"""What all commands share: exit codes, and a parser that says what was probably meant."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn, TypeAlias

from autonomy.errors import ConfigError, did_you_mean

EXIT_OK, EXIT_ERROR, EXIT_UNSAFE, EXIT_INTERRUPTED = 0, 1, 2, 130


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors exit with 1 and say what was probably meant."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting with argparse's 2, which means "unsafe" here."""
        words = [word.partition("=")[0] for word in message.split() if word.startswith("--")]
        hints = [hint for word in words if (hint := did_you_mean(word, self._options()))]
        raise ConfigError("autonomy", "", f"{message}{hints[0] if hints and 'unrecognized' in message else ''}")

    def _options(self) -> list[str]:
        """Return the options of this parser and of its commands (an unknown one is reported by the outermost)."""
        commands = [action.choices for action in self._actions if isinstance(action.choices, Mapping)]
        inner = [parser for choices in commands for parser in choices.values()]
        own = [name for action in self._actions for name in action.option_strings]
        return own + [name for parser in inner for name in parser._options()]


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""Where a command adds its parser."""


def words_of(option: str, text: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the words of a comma-separated option, each once, in the order in which they were given.

    Raises:
        ConfigError: a word is not known, or there is none.
    """
    choices = list(known)
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for word in words:
        if word not in choices:
            hint = did_you_mean(word, choices)
            raise ConfigError(option, "", f"{word!r} is not known{hint}; known: {', '.join(choices)}")
    if not words:
        raise ConfigError(option, "", f"is empty; expected one or more of {', '.join(choices)}")
    return words


def sizes_of(option: str, text: str) -> tuple[int, ...]:
    """Return the whole numbers of a comma-separated option, ascending.

    Raises:
        ConfigError: one is not a whole number >= 1.
    """
    sizes = set()
    for word in text.split(","):
        if not (word.strip().isdecimal() and int(word) >= 1):
            raise ConfigError(option, "", f"found {word.strip()!r}; expected whole numbers >= 1, as in 4,24,1000")
        sizes.add(int(word))
    return tuple(sorted(sizes))


def require_at_least(option: str, value: float, least: float, *, strictly: bool = False) -> None:
    """Refuse a number below `least` (or at it), and what is no number.

    Raises:
        ConfigError: it is.
    """
    if not (value > least if strictly else value >= least) or value == float("inf"):
        raise ConfigError(option, "", f"found {value:g}; expected a number {'>' if strictly else '>='} {least:g}")


def command_line(words: Sequence[str]) -> str:
    """Return the command as it can be typed again."""
    return shlex.join(["autonomy", *words])

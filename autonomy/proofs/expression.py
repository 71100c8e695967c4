"""The language of the lemmas, read and evaluated exactly: what a solver calls a counterexample is computed again here.

A small part of SMT-LIB 2.6: integers, reals and truth values, arithmetic, `ite`, `to_int`, and `define-fun` without
recursion. Numbers are `fractions.Fraction`, so nothing is rounded. The tests use the same evaluator to hold the
lemmas against what the code does.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from typing import TypeAlias, cast

Expression: TypeAlias = "str | tuple[Expression, ...]"
"""An atom, or a list of expressions."""
Value: TypeAlias = "Fraction | bool"
TOKEN = re.compile(r";[^\n]*|\|[^|]*\||[()]|[^\s();|]+")


class ExpressionError(ValueError):
    """A text is not of the language."""


def read(text: str) -> tuple[Expression, ...]:
    """Return the commands (or values) of a text."""
    stack: list[list[Expression]] = [[]]
    for token in TOKEN.findall(text):
        if token.startswith(";"):
            continue
        if token == "(":  # noqa: S105 - a bracket, not a password
            stack.append([])
        elif token == ")":  # noqa: S105
            if len(stack) == 1:
                raise ExpressionError("a bracket is closed that was not opened")
            done = stack.pop()
            stack[-1].append(tuple(done))
        else:
            stack[-1].append(token)
    if len(stack) > 1:
        raise ExpressionError("a bracket is not closed")
    return tuple(stack[0])


class Definitions:
    """The functions that a text defines.

    Args:
        commands: What `read` returned; everything but `define-fun` is ignored.
    """

    def __init__(self, commands: Sequence[Expression]) -> None:
        self._bodies: dict[str, tuple[tuple[str, ...], Expression]] = {}
        for command in commands:
            if isinstance(command, tuple) and command[0] == "define-fun":
                _, name, arguments, _, body = command
                self._bodies[str(name)] = (tuple(str(argument[0]) for argument in arguments), body)

    def value(self, expression: Expression, values: Mapping[str, Value]) -> Value:
        """Return the value of an expression, exactly.

        Raises:
            ExpressionError: something in it is not of the language, or has no value.
        """
        if isinstance(expression, str):
            return self._atom(expression, values)
        name, *operands = expression
        if name == "ite":
            condition, then, otherwise = operands
            return self.value(then if self.value(condition, values) else otherwise, values)
        found = [self.value(operand, values) for operand in operands]
        if name in self._bodies:
            names, body = self._bodies[str(name)]
            return self.value(body, {**values, **dict(zip(names, found, strict=True))})
        if name in CONNECTIVES:
            return CONNECTIVES[str(name)](cast("list[bool]", found))
        if name in ARITHMETIC:
            return ARITHMETIC[str(name)](cast("list[Fraction]", found))
        raise ExpressionError(f"{name!r} is no function of the language")

    def _atom(self, name: str, values: Mapping[str, Value]) -> Value:
        if name in values:
            return values[name]
        if name in self._bodies:
            return self.value(self._bodies[name][1], values)
        if name in ("true", "false"):
            return name == "true"
        try:
            return Fraction(name)
        except ValueError:
            raise ExpressionError(f"{name!r} has no value") from None


def _chain(compare: Callable[[Fraction, Fraction], bool]) -> Callable[[list[Fraction]], Value]:
    return lambda values: all(compare(one, other) for one, other in pairwise(values))


def _minus(values: list[Fraction]) -> Fraction:
    return -values[0] if len(values) == 1 else values[0] - sum(values[1:])


CONNECTIVES: dict[str, Callable[[list[bool]], Value]] = {
    "and": all,
    "or": any,
    "not": lambda values: not values[0],
    "=>": lambda values: not values[0] or values[1],
}
ARITHMETIC: dict[str, Callable[[list[Fraction]], Value]] = {
    "=": _chain(operator.eq),
    "<": _chain(operator.lt),
    "<=": _chain(operator.le),
    ">": _chain(operator.gt),
    ">=": _chain(operator.ge),
    "+": lambda values: sum(values, Fraction(0)),
    "-": _minus,
    "*": lambda values: reduce(operator.mul, values),
    "/": lambda values: reduce(operator.truediv, values),
    "to_real": lambda values: values[0],
    "to_int": lambda values: Fraction(math.floor(values[0])),
}

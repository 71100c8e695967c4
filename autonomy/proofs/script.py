"""A text for a solver, and what it says: symbols, premises, and a claim that is asserted negated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from autonomy.proofs.expression import Definitions, Expression, ExpressionError, Value, read

CHECK = ("check-sat",)
NEGATED = "(assert (not"
"""How the claim begins: the last assertion of a script."""


@dataclass(frozen=True)
class Script:
    """Declarations, premises, the negated claim, and `check-sat`.

    Args:
        text: SMT-LIB 2.6.

    Raises:
        ExpressionError: the text is not of that form.
    """

    text: str

    def __post_init__(self) -> None:
        negated = self._asserted[-1:]
        is_claim = bool(negated) and isinstance(negated[0], tuple) and negated[0][0] == "not"
        if not is_claim or self._commands[-1] != CHECK or self._commands.count(CHECK) != 1:
            raise ExpressionError("expected premises, (assert (not claim)), and one (check-sat) at the end")

    @cached_property
    def _commands(self) -> tuple[Expression, ...]:
        return read(self.text)

    @cached_property
    def _asserted(self) -> tuple[Expression, ...]:
        return tuple(command[1] for command in self._commands if command[0] == "assert")

    @cached_property
    def _definitions(self) -> Definitions:
        return Definitions(self._commands)

    @cached_property
    def symbols(self) -> dict[str, str]:
        """Every symbol with its sort, Int or Real, in the order of declaration."""
        declared = [command for command in self._commands if command[0] == "declare-const"]
        return {str(command[1]): str(command[2]) for command in declared}

    @cached_property
    def premises(self) -> tuple[Expression, ...]:
        """What is assumed."""
        return self._asserted[:-1]

    @cached_property
    def claim(self) -> Expression:
        """What follows."""
        return self._asserted[-1][1]

    @property
    def without_claim(self) -> str:
        """The text without the claim: satisfiable, unless the premises contradict each other."""
        return self.text[: self.text.rindex(NEGATED)] + "(check-sat)\n"

    def value(self, expression: Expression, values: Mapping[str, Value]) -> Value:
        """Return the value of a premise or the claim, exactly, when the symbols have the values given."""
        return self._definitions.value(expression, values)

    def refuted_by(self, values: Mapping[str, Value]) -> bool:
        """Return whether all premises hold and the claim does not, and whatever is an integer is one."""
        whole = all(values[name] == int(values[name]) for name, sort in self.symbols.items() if sort == "Int")
        return whole and all(self.value(x, values) for x in self.premises) and not self.value(self.claim, values)

"""What is measured: a method answers one prepared argument per instance, and its answer can be read as a `Solution`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from autonomy.solvers.allocation import Allocation, Setup, Solution

Answer: TypeAlias = Callable[[Any], Any]
"""A set-up method: from one argument to one answer. This call is what is timed."""


class Method(Protocol):
    """One row of the benchmark. Instances are pickled for a trial in a child process."""

    @property
    def name(self) -> str:
        """How tables call it."""
        ...

    @property
    def kind(self) -> str:
        """One of "backend", "kernel", "direct" (a peer, no adapter of ours), "naive", "floor" (no projection)."""
        ...

    def arguments(self, problems: Sequence[Allocation]) -> list[Any]:
        """Return what the timed call gets, one an instance; untimed."""
        ...

    def setup(self, problem: Allocation) -> Answer:
        """Return the method set up for the structure of `problem`; timed apart."""
        ...

    def read(self, problem: Allocation, answer: Any) -> Solution:
        """Return an answer in the terms of the instance; untimed."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendMethod:
    """A projection backend as the controller calls it: `solve(problem)`."""

    name: str
    start: Setup
    kind: str = "backend"

    def arguments(self, problems: Sequence[Allocation]) -> list[Any]:
        """Return the instances themselves."""
        return list(problems)

    def setup(self, problem: Allocation) -> Answer:
        """Return the backend's `solve`."""
        return self.start(problem.hierarchy).solve

    def read(self, problem: Allocation, answer: Any) -> Solution:  # noqa: ARG002 - see `Method`
        """Return the answer as it is."""
        solution: Solution = answer
        return solution

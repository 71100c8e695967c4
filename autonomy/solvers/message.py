"""What an isolated backend and its caller say to each other: a line of JSON, then numbers; nothing is executed."""

from __future__ import annotations

import json
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from autonomy.solvers.allocation import Allocation, Hierarchy, Relief, Solution, Status, no_answer


class Message(NamedTuple):
    """A few words, and the numbers that belong to them."""

    words: dict[str, Any]
    numbers: bytes = b""

    def write(self, pipe: BinaryIO) -> None:
        """Send it."""
        pipe.write(json.dumps(self.words | {"bytes": len(self.numbers)}).encode() + b"\n" + self.numbers)
        pipe.flush()

    @staticmethod
    def read(pipe: BinaryIO) -> Message | None:
        """Return the next one, None at the end.

        Raises:
            ValueError: what comes is no message.
        """
        line = pipe.readline()
        if not line.endswith(b"\n"):
            return None
        words = json.loads(line)
        if not isinstance(words, dict) or not isinstance(words.get("bytes"), int):
            raise ValueError("not a message")
        numbers = pipe.read(words["bytes"])
        return Message(words, numbers) if len(numbers) == words["bytes"] else None


def introduction(hierarchy: Hierarchy, name: str, timeout_s: float) -> Message:
    """Return what the child is told first."""
    words = {"name": name, "groups": hierarchy.n_groups, "timeout_s": timeout_s}
    return Message(words, np.concatenate([hierarchy.parent, hierarchy.group_of]).astype(np.int64).tobytes())


def hierarchy_of(introduced: Message) -> Hierarchy:
    """Return the nested groups of an introduction."""
    numbers, groups = np.frombuffer(introduced.numbers, dtype=np.int64).copy(), introduced.words["groups"]
    return Hierarchy(parent=numbers[:groups], group_of=numbers[groups:])


def question(problem: Allocation) -> Message:
    """Return an instance as a message."""
    relief = problem.relief
    prices = [float(relief.drop_price), float(relief.lift_price), float(relief.smoothing)]
    numbers = np.concatenate([np.ravel(problem.cells), np.ravel(problem.bounds)]).astype(np.float64)
    return Message({"rows": len(problem.cells), "prices": prices}, numbers.tobytes())


def allocation_of(hierarchy: Hierarchy, asked: Message) -> Allocation:
    """Return the instance of a question."""
    numbers = np.frombuffer(asked.numbers).copy()
    size = asked.words["rows"] * hierarchy.n_cells
    drop_price, lift_price, smoothing = asked.words["prices"]
    return Allocation(
        hierarchy=hierarchy,
        cells=numbers[:size].reshape(-1, hierarchy.n_cells),
        bounds=numbers[size:].reshape(2, hierarchy.n_groups),
        relief=Relief(drop_price=drop_price, lift_price=lift_price, smoothing=smoothing),
    )


def answer(solution: Solution) -> Message:
    """Return a solution as a message."""
    parts = (solution.point, solution.cell_multipliers, solution.multipliers)
    numbers = np.concatenate([np.ravel(part) for part in parts]).astype(np.float64)
    return Message({"status": str(solution.status), "message": str(solution.message)}, numbers.tobytes())


def solution_of(hierarchy: Hierarchy, answered: Message) -> Solution:
    """Return the solution of an answer, FAILED when its size or status is none."""
    numbers, n = np.frombuffer(answered.numbers[: len(answered.numbers) // 8 * 8]).copy(), hierarchy.n_cells
    status, message = answered.words.get("status"), str(answered.words.get("message", ""))
    if numbers.size != 4 * n + hierarchy.n_groups or status not in tuple(Status):
        said = f"the answer has {numbers.size} numbers and the status {status!r}"
        return no_answer(hierarchy, Status.FAILED, f"{said}: expected {4 * n + hierarchy.n_groups} and a status")
    return Solution(
        point=numbers[: 3 * n].reshape(3, n),
        cell_multipliers=numbers[3 * n : 4 * n],
        multipliers=numbers[4 * n :],
        status=Status(status),
        message=message,
    )

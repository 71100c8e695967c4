"""The projection backends by name: one file each, and this dictionary."""

from __future__ import annotations

from functools import partial

from autonomy.solvers.allocation import Backend, Hierarchy, Setup
from autonomy.solvers.general import BARE
from autonomy.solvers.nested import NestedSolver

FEW_VARIABLES = ("daqp", "proxqp")
"""Solvers to which fewer variables are worth more than fewer entries."""
ISOLATED = "isolated:"
"""In front of a backend's name: the same in a process of its own."""


class UnknownBackendError(LookupError):
    """No backend has this name."""


def exact(hierarchy: Hierarchy) -> Backend:
    """Return the compiled solver."""
    from autonomy.solvers.compiled import CompiledSolver  # noqa: PLC0415 - loads Numba, and compiles the first time

    return CompiledSolver(hierarchy)


def _cvxpy(hierarchy: Hierarchy) -> Backend:
    from autonomy.solvers.cvxpy_backend import CvxpySolver  # noqa: PLC0415 - optional library

    return CvxpySolver(hierarchy)


def _general(name: str, hierarchy: Hierarchy) -> Backend:
    from autonomy.solvers.general_backend import GeneralBackend  # noqa: PLC0415 - not everyone needs it

    return GeneralBackend(hierarchy, BARE[name], flows=name not in FEW_VARIABLES)


def _isolated(name: str, hierarchy: Hierarchy) -> Backend:
    from autonomy.solvers.isolation import Isolated  # noqa: PLC0415 - not everyone needs it

    return Isolated(hierarchy, name)


BACKENDS: dict[str, Setup] = {
    "exact": exact,
    "nested": NestedSolver,
    "cvxpy": _cvxpy,
    **{name: partial(_general, name) for name in BARE},
}
"""Every backend by its plain name; `setup_of` knows the isolated ones too."""


def setup_of(name: str) -> Setup:
    """Return the backend called `name`, or the one in a process of its own for "isolated:" and its name.

    Raises:
        UnknownBackendError: there is none.
    """
    plain = name.removeprefix(ISOLATED)
    if plain not in BACKENDS:
        raise UnknownBackendError(
            f"no backend is called {name!r}; known: {', '.join(BACKENDS)}, also after {ISOLATED!r}"
        )
    return partial(_isolated, plain) if plain != name else BACKENDS[name]

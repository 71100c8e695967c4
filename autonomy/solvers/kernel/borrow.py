"""Arrays on loan, in machine code: views of them are free, because nobody counts who holds them.

Numba counts the references to an array with two atomic operations for every view and every call that it does not
inline, which is more than a small instance takes to solve. An array that is borrowed says that it has no owner. So it,
and all its views, must be dropped before the array itself can be: borrow arguments only, and return nothing borrowed.
"""
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numba.np.arrayobj import make_array


def _borrow(typing_context: Any, array: Any) -> Any:  # noqa: ARG001 - see `numba.extending.intrinsic`
    """Return the same array without its owner."""
    if not isinstance(array, types.Array):
        raise TypingError(f"only an array can be borrowed, not {array}")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        borrowed = make_array(signature.return_type)(context, builder, arguments[0])
        borrowed.meminfo = context.get_constant_null(types.voidptr)
        borrowed.parent = context.get_constant_null(types.pyobject)
        return borrowed._getvalue()  # the way Numba's own array code returns one

    return array(array), generate


borrow: Any = intrinsic(_borrow)
"""For machine code only."""

"""What is proved of the deployed network: the seam for `autonomy.safety` chapters about neural policies."""

from __future__ import annotations

from collections.abc import Iterator

from autonomy.safety.claim import Claim
from autonomy.safety.context import Context


def claims(_context: Context) -> Iterator[Claim]:
    """Yield nothing: no property of a network is shown yet."""
    return iter(())

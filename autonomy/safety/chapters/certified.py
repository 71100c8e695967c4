"""What the checker finds in certificates of docs/safety-certificates.md, for the claims that stand on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from importlib.metadata import version
from typing import Any

from autonomy.safety.verifier import Folder, run

TOOL = f"branch and bound with linear programs by HiGHS {version('highspy')}; verify.py checks in fractions"


def amounts_in(folder: Folder, checks: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the amounts that the checker finds, as floats; each check may name a prefix, `as`.

    Raises:
        ValueError: a certificate does not prove what it says.
    """
    found = {f"{check.get('as', '')}{name}": x for check in checks for name, x in run(folder, check).items()}
    return {name: float(x) for name, x in found.items() if isinstance(x, Fraction)}

"""`python -m autonomy.proofs`: have every lemma proved again. Exit codes as everywhere: 0 proved, 2 not, 1 an error."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.markup import escape

from autonomy.errors import OptionalDependencyError
from autonomy.proofs.prove import LIMIT_S, prove_all
from autonomy.proofs.table import print_proofs

ALL_PROVED, NO_SOLVER, NOT_PROVED = 0, 1, 2


def main(words: list[str] | None = None) -> int:
    """Prove all lemmas, print the table, return the exit code."""
    options = argparse.ArgumentParser(prog="python -m autonomy.proofs", description=__doc__)
    options.add_argument("--counterexamples", action="store_true", help="print what refutes each negative control")
    options.add_argument("--limit", type=float, default=LIMIT_S, metavar="S", help="s for each question to a solver")
    chosen = options.parse_args(words)
    try:
        proofs = prove_all(limit_s=chosen.limit)
    except OptionalDependencyError as fault:
        Console(stderr=True, highlight=False).print(escape(str(fault)), soft_wrap=True)
        return NO_SOLVER
    print_proofs(proofs, Console(highlight=False), with_counterexamples=chosen.counterexamples)
    return ALL_PROVED if all(proof.is_proved for proof in proofs) else NOT_PROVED


if __name__ == "__main__":
    sys.exit(main())

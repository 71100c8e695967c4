"""How often a benchmark repeats what it times."""

from __future__ import annotations

import argparse

from autonomy.cli.arguments import require_at_least


def repeats_of(options: argparse.Namespace, usual: int, quick: int) -> int:
    """`--repeats`, or the `quick` number with `--quick`, or the `usual` one."""
    repeats: int = (quick if options.quick else usual) if options.repeats is None else options.repeats
    require_at_least("--repeats", repeats, 1)
    return repeats

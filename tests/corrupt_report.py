"""Flip single bits of a safety report, anywhere in its folder, and see whether the checker notices each.

    python -m tests.corrupt_report FOLDER --flips 10000 --seed 1

Prints how many were noticed; exit code 1 if one was not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from autonomy.safety import verifier


def flipped(content: bytes, bit: int) -> bytes:
    """Return the content with one bit changed."""
    at = bit // 8
    return content[:at] + bytes([content[at] ^ 1 << bit % 8]) + content[at + 1 :]


def flips(folder: Path, count: int, *, seed: int) -> Iterator[tuple[str, int]]:
    """Yield file and bit of that many flips: of half of them a file is drawn first, of half a bit of all bits."""
    random = np.random.default_rng(seed)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    sizes = np.array([path.stat().st_size for path in files])
    for number in range(count):
        place = int(random.choice(len(files), p=sizes / sizes.sum() if number % 2 else None))
        yield files[place].relative_to(folder).as_posix(), int(random.integers(8 * int(sizes[place])))


def is_noticed(folder: Path, name: str, bit: int) -> bool:
    """Return whether the checker refuses the folder with that bit changed."""
    changed = verifier.Folder(folder, {name: flipped((folder / name).read_bytes(), bit)})
    try:
        changed.check()
    except verifier.FAULTS:
        return True
    return False


def main(arguments: list[str] | None = None) -> int:
    """Flip, print and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.corrupt_report", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    verifier.Folder(options.folder).check()
    found = list(flips(options.folder, options.flips, seed=options.seed))
    missed = [flip for flip in found if not is_noticed(options.folder, *flip)]
    print(f"{len(found) - len(missed)} of {len(found)} flips noticed, in {len({name for name, _ in found})} files")
    for name, bit in missed:
        print(f"missed: {name}, bit {bit}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

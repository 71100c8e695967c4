"""`python -m autonomy.learning.curves ppo=autonomy-ppo sac=autonomy-sac`: trainings side by side, as SVG and PNG.

A folder is what `autonomy train` left: a training, or a sweep, each of whose trainings is a line of its own.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from autonomy.errors import AutonomyError, ConfigError
from autonomy.learning.curve import CURVE
from autonomy.report.palette import SERIES, light
from autonomy.report.svg import canvas

EXIT_OK, EXIT_ERROR = 0, 1
HEIGHT_IN = 4.2
TICKS = tuple(factor * 10.0**power for power in range(-1, 6) for factor in (1, 2, 5))
"""Seconds that the axis of time may name."""
LOWEST = 0.7
"""Share below which nothing is drawn: what a policy is worth that has learned nothing."""


class Line(NamedTuple):
    """A training.

    Attributes:
        seconds: Of processor time up to each validation.
        shares: 0..1, of the achievable saving, of each.
    """

    seconds: tuple[float, ...]
    shares: tuple[float, ...]


def lines_of(folder: Path) -> list[Line]:
    """Return the training, or the trainings, of a folder.

    Raises:
        ConfigError: there is none, or one without processor time and shares.
    """
    files = [folder / f"{CURVE}.csv"] if (folder / f"{CURVE}.csv").is_file() else sorted(folder.glob(f"*/{CURVE}.csv"))
    if not files:
        raise ConfigError("FOLDER", "", f"no {CURVE}.csv in {folder} or in a folder of it; autonomy train leaves one")
    return [_line(file) for file in files]


def draw(groups: Mapping[str, Sequence[Line]], stem: Path) -> None:
    """Draw the trainings of each group in one colour, time on a logarithmic axis.

    Args:
        groups: By name.
        stem: The pictures are this with `.svg` and `.png` after it.
    """
    with canvas(HEIGHT_IN) as figure:
        axes: Any = figure.subplots()
        for place, (name, lines) in enumerate(groups.items()):
            colour = light(SERIES[place % len(SERIES)])
            for count, line in enumerate(lines):
                shares = [100.0 * share for share in line.shares]
                axes.plot(
                    line.seconds, shares, marker="o", markersize=2.5, color=colour, label="_" * bool(count) + name
                )
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        ticks = [tick for tick in TICKS if low <= tick <= high]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.set_ylim(100.0 * LOWEST, 100.0)
        axes.set_xlabel("processor time of training, s")
        axes.set_ylabel("validated share of the achievable saving, %")
        axes.legend(loc="lower right")
        figure.savefig(f"{stem}.svg", facecolor="white", metadata={"Date": None})
        figure.savefig(f"{stem}.png", facecolor="white", dpi=150)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, and print the best share of each training."""
    parser = argparse.ArgumentParser(prog="python -m autonomy.learning.curves", description=__doc__)
    parser.add_argument("groups", metavar="NAME=FOLDER", nargs="+", help="a training or a sweep, and what it is called")
    parser.add_argument("--out", metavar="STEM", type=Path, default=Path("learning-curves"), help="of the pictures")
    options = parser.parse_args(arguments)
    try:
        groups = dict(_group(text) for text in options.groups)
        draw(groups, options.out)
    except (AutonomyError, OSError) as fault:
        print(fault, file=sys.stderr)
        return EXIT_ERROR
    for name, lines in groups.items():
        best = ", ".join(f"{100.0 * max(line.shares):.2f} % in {line.seconds[-1]:.0f} s" for line in lines)
        print(f"{name}: {best}")
    return EXIT_OK


def _group(text: str) -> tuple[str, list[Line]]:
    name, found, folder = text.partition("=")
    if not (name and found and folder):
        raise ConfigError("NAME=FOLDER", "", f"found {text!r}; expected a name and a folder, as in ppo=autonomy-ppo")
    return name, lines_of(Path(folder))


def _line(file: Path) -> Line:
    with file.open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    try:
        line = Line(tuple(float(row["cpu_s"]) for row in rows), tuple(float(row["score"]) for row in rows))
    except (KeyError, ValueError) as fault:
        raise ConfigError("FOLDER", "", f"{file}: {fault}; expected columns cpu_s and score with numbers") from None
    if not rows:
        raise ConfigError("FOLDER", "", f"{file} has no validation in it")
    return line


if __name__ == "__main__":
    sys.exit(main())

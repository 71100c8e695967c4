"""`autonomy export`: weights as an ONNX file, compared with NumPy before it is said to be there."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from autonomy.cli.arguments import EXIT_OK, Commands
from autonomy.errors import ConfigError

SUFFIX = ".onnx"


def add_command(commands: Commands) -> None:
    """Add `autonomy export` to the command line."""
    job = commands.add_parser(
        "export",
        help="write a learned policy's weights as an ONNX file",
        description="Write weights as an ONNX file in float64 that any runtime can decide with, and compare its "
        "answers with NumPy's. Needs the extra onnx.",
    )
    job.add_argument(
        "--policy", metavar="NAME|FILE.npz", required=True, help="a learned policy by name, or weights.npz"
    )
    job.add_argument("--out", metavar="FILE.onnx", type=Path, required=True, help="the file; an older one is replaced")
    job.set_defaults(carry_out=export_command)


def export_command(options: argparse.Namespace, words: Sequence[str]) -> int:  # noqa: ARG001 - one signature for all
    """Carry out `autonomy export`; see `add_command` for the options."""
    from autonomy.learning.onnx_compare import export  # noqa: PLC0415 - only when needed

    out: Path = options.out
    if out.suffix != SUFFIX:
        raise ConfigError("--out", "", f"found {str(out)!r}; expected a file that ends in {SUFFIX}")
    if not out.resolve().parent.is_dir():
        raise ConfigError("--out", "", f"the folder {out.resolve().parent} does not exist")
    found = export(options.policy, out)
    console = Console(highlight=False)
    console.print(f"{found.networks} network(s), {out.stat().st_size:,} bytes, hash {found.sha256}", soft_wrap=True)
    console.print(f"gates differ from NumPy's by at most {found.difference:.1e} in {found.compared:,} random decisions")
    console.print(Text.assemble("ONNX file: ", (str(out), "bold")), soft_wrap=True)
    return EXIT_OK

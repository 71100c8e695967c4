"""Run the examples of docs/hosts.md as a newcomer would: each block in a fresh clone and a fresh environment.

    python .ci/hosts.py            all but the year in CityLearn, which takes the better part of an hour
    python .ci/hosts.py fmi        the blocks whose text has this word in it

Each block is run by bash as it stands on the page, with an empty environment's `python` and `pip` first on the path. It
has to succeed, and every table that it prints has to be the page's: the same rows and numbers, but for milliseconds.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "hosts.md"
TIMED = ("ms per step", "of the host's")
LONG = "CITYLEARN_DATA"
"""In every block of CityLearn's, which go on in one environment."""


def tables(text: str) -> list[dict[str, dict[str, str]]]:
    """Return the Markdown tables of runs in a text: rows by name, cells by heading, times left out."""
    found: list[dict[str, dict[str, str]]] = []
    head: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if cells[:1] == ["run"]:
            head = cells
            found.append({})
        elif not cells:
            head = []
        elif head and not cells[0].startswith("---"):
            row = dict(zip(head, cells, strict=True))
            found[-1][row["run"]] = {key: value for key, value in row.items() if key not in TIMED}
    return found


def run(block: str) -> str:
    """Return what a block prints in a fresh clone and a fresh environment; ends the program where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        clone, venv = Path(folder) / "clone", Path(folder) / "venv"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)  # noqa: S603, S607
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)  # noqa: S603
        path = f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
        clean = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
        done = subprocess.run(  # noqa: S603 - our own page
            ["bash", "-euo", "pipefail", "-c", block],  # noqa: S607
            cwd=clone,
            env={**clean, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{block}\nended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return done.stdout


def main(words: list[str]) -> None:
    """Run the blocks and compare their tables with the page's."""
    text = PAGE.read_text(encoding="utf-8")
    known = tables(text)
    bash = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    citylearn = "".join(block for block in bash if f"${LONG}" in block)
    blocks = [block for block in bash if "pip install" in block and LONG not in block] + [citylearn]
    chosen = [block for block in blocks if (any(word in block for word in words) if words else LONG not in block)]
    if not chosen:
        sys.exit(f"no block of {PAGE.name} has any of {words} in it")
    for block in chosen:
        began = time.monotonic()
        printed = run(block)
        found = tables(printed)
        if not found:
            sys.exit(f"{block}\nprinted no table:\n{printed}")
        for table in found:
            if table not in known:
                sys.exit(f"{block}\nprinted a table that is not the page's:\n{printed}")
        took = time.monotonic() - began
        sys.stdout.write(f"{block.strip().splitlines()[-1]}: {len(found)} tables as on the page, {took:.0f} s in all\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])

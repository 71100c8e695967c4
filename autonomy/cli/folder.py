"""The folder that a command writes: looked at before any work, and replaced in one go after it."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from autonomy.errors import ConfigError


def require_writable(out: Path, files: Collection[str], mark: str) -> None:
    """Refuse, before any work, a place where the results could not be put or would replace something else.

    Args:
        out: The folder to be.
        files: What the command writes; an earlier run's folder has nothing else.
        mark: The file without which it is no earlier run's folder.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError("--out", "", f"{out} is a file; expected a folder")
    found = {entry.name for entry in out.iterdir()} if out.is_dir() else set()
    if found and not (mark in found and found <= set(files)):
        raise ConfigError("--out", "", f"{out} has other files in it; choose a new folder")
    if Path.cwd().is_relative_to(out.resolve()):
        raise ConfigError("--out", "", f"{out} is the working folder or around it; choose a folder of its own")
    if not out.resolve().parent.is_dir():
        raise ConfigError("--out", "", f"the folder {out.resolve().parent} does not exist")


def publish(finished: Path, out: Path, staging: Path) -> None:
    """Move a finished folder to `out` in one go, replacing an earlier one, which is kept until then in `staging`."""
    replaced = staging / "replaced"
    if out.exists():
        out.rename(replaced)
    try:
        shutil.move(finished, out)
    except BaseException:
        if replaced.exists() and not out.exists():
            replaced.rename(out)
        raise

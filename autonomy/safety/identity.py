"""What a report is about, down to the byte: versions, and hashes of core, package, policies, lemmas and data."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import autonomy
from autonomy.journal.header import community_sha256
from autonomy.layers.community import Community
from autonomy.learning.shipped import FOLDER, SHIPPED
from autonomy.proofs import lemmas
from autonomy.safety.canonical import digest, sha256
from autonomy.scenario import Scenario

ROOT = Path(autonomy.__file__).resolve().parent
CORE = tuple(f"layers/supervision/{name}.py" for name in ("check", "recovery", "milliwatt", "caps", "gate")) + tuple(
    f"layers/{name}.py" for name in ("physics", "storage", "rounding")
)
"""The trusted core, see docs/trusted-core.md."""
LIBRARIES = ("numpy", "numba", "highspy", "orjson", "z3-solver", "cvc5")


@lru_cache(maxsize=1)
def core_files() -> dict[str, str]:
    """Return the hash of each file of the trusted core."""
    return {f"autonomy/{name}": sha256((ROOT / name).read_bytes()) for name in CORE}


@lru_cache(maxsize=1)
def core_sha256() -> str:
    """Return one hash of the trusted core."""
    return digest(core_files())


@lru_cache(maxsize=1)
def package_sha256() -> str:
    """Return one hash of all Python files of the package."""
    return digest({path.relative_to(ROOT).as_posix(): sha256(path.read_bytes()) for path in sorted(ROOT.rglob("*.py"))})


def identity_of(community: Community, windows: Sequence[Scenario], policies: Sequence[str]) -> dict[str, Any]:
    """Return who and what a report is about."""
    series = windows[0].series
    return {
        "package": {"name": "autonomy-stack", "version": autonomy.__version__, "sha256": package_sha256()},
        "core": {"sha256": core_sha256(), "files": core_files()},
        "lemmas": {f"{lemma.number:02d}-{lemma.name}": lemma.sha256 for lemma in lemmas()},
        "libraries": {name: _version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "community_sha256": community_sha256(community),
        "data": {"source": series.source, "sha256": series.sha256},
        "policies": {policy: policy_files(policy) for policy in policies},
    }


def policy_files(policy: str) -> dict[str, str]:
    """Return the hash of every file that a policy is made of; none for a rule of the package."""
    paths = [FOLDER / f"{name}.npz" for name in SHIPPED.get(policy, ())]
    given = Path(policy if Path(policy).is_file() else policy.rpartition(":")[0])
    if not paths and given.is_file():
        paths = [given]
    return {path.name: sha256(path.read_bytes()) for path in paths}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"

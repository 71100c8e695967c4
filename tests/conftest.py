"""Hypothesis profiles: the same examples on every machine, and no deadline (these machines are noisy)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "default", max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=5000, derandomize=False)
# A mutant is killed by the first example that fails; making that one smaller helps nobody.
settings.register_profile(
    "mutation", parent=settings.get_profile("default"), phases=[Phase.explicit, Phase.generate], database=None
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def _forget_stale_machine_code() -> None:
    """Delete the compiled kernels when any of their sources is newer.

    Numba's cache looks at the file of the function that is called, not at the files of what that one calls in turn.
    """
    for folder in (Path(__file__).parent.parent / "autonomy" / "solvers").rglob("__pycache__"):
        compiled = [*folder.glob("*.nbi"), *folder.glob("*.nbc")]
        newest = max(source.stat().st_mtime for source in folder.parent.glob("*.py"))
        if compiled and min(path.stat().st_mtime for path in compiled) < newest:
            for path in compiled:
                path.unlink(missing_ok=True)


_forget_stale_machine_code()


@pytest.fixture(scope="session")
def report_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small safety report, made once for all tests about it; none of them may change it."""
    from tests.small_report import make  # noqa: PLC0415 - only for who asks for it

    out = tmp_path_factory.mktemp("safety") / "report"
    make(out)
    return out

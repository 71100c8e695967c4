"""What an FMU says about itself: its variables and how long it runs. Read and validated by fmpy 0.3.32."""

from __future__ import annotations

import difflib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autonomy.errors import ConfigError, OptionalDependencyError

VERSION = "2.0"
SHOWN = 4
"""Names that an error shows of what is there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """A variable of an FMU.

    Attributes:
        kind: Real, Integer, Boolean, String or Enumeration.
        causality: input, output, parameter, calculatedParameter, local or independent.
    """

    kind: str
    causality: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """An FMU's description.

    Attributes:
        variables: By name.
        stop_s: Seconds after its start at which its default experiment ends; None where it states none.
    """

    variables: Mapping[str, Variable]
    stop_s: float | None

    def fault(self, name: str, kinds: tuple[str, ...], causalities: tuple[str, ...]) -> str:
        """Return what is wrong with taking a variable for something, and what is there; empty if nothing is.

        Args:
            name: The variable's.
            kinds: What it may be.
            causalities: What it may be.
        """
        found = self.variables.get(name)
        wanted = f"{' or '.join(causalities)} of the FMU, {' or '.join(kinds)}"
        article = "a" if causalities[0].startswith("p") else "an"
        if found is None:
            fitting = [
                other for other, item in self.variables.items() if item.kind in kinds and item.causality in causalities
            ]
            near = difflib.get_close_matches(name, fitting, n=SHOWN)
            there = f"near it: {', '.join(near)}" if near else f"it has {len(fitting)}: {', '.join(fitting[:SHOWN])}"
            return f"the name of {article} {wanted} ({there})"
        if found.kind not in kinds or found.causality not in causalities:
            return f"{article} {wanted}; this one is {found.causality}, {found.kind}"
        return ""


def read_description(path: str | Path) -> Description:
    """Read an FMU's description.

    It has to be what fmpy itself asks for before it plays an FMU; `fmpy.validation` finds more, a missing list of
    InitialUnknowns in every FMU of pythonfmu whose outputs state no start for example, which hurts nobody here.

    Raises:
        ConfigError: it is no FMU, not valid, or not one of FMI 2.0 for co-simulation.
        OptionalDependencyError: fmpy is not installed.
    """
    try:
        import fmpy  # noqa: PLC0415 - optional, and `import autonomy` must stay light
        from fmpy.model_description import ValidationError  # noqa: PLC0415 - likewise
    except ImportError:
        raise OptionalDependencyError("stepping an FMU", "fmi") from None
    try:
        described: Any = fmpy.read_model_description(str(path))
    except ValidationError as fault:
        raise ConfigError(path, "modelDescription.xml", f"is not valid: {fault.problems[0]}") from None
    except (OSError, zipfile.BadZipFile) as fault:
        raise ConfigError(path, "", f"is no FMU: {fault}") from None
    except Exception as fault:  # noqa: BLE001 - fmpy raises plain exceptions on what is no description
        raise ConfigError(path, "modelDescription.xml", f"cannot be read: {fault}") from None
    if described.fmiVersion != VERSION or described.coSimulation is None:
        kind = "co-simulation" if described.coSimulation is not None else "no co-simulation"
        raise ConfigError(path, "", f"is FMI {described.fmiVersion}, {kind}; expected FMI {VERSION} co-simulation")
    variables = {item.name: Variable(kind=item.type, causality=item.causality) for item in described.modelVariables}
    return Description(variables=variables, stop_s=_seconds(described.defaultExperiment))


def _seconds(experiment: Any) -> float | None:
    if experiment is None or experiment.stopTime is None:
        return None
    return float(experiment.stopTime) - float(experiment.startTime or 0.0)

"""An FMU in a process of its own, the parent's side.

An FMU is somebody else's machine code. A second instance of a library of pythonfmu in one Python crashes it at once,
one that crashes by itself takes its master along, and one whose fmi2Reset fails can only be instantiated anew. In a
process of its own each of these is an answer or an error. `autonomy.hosts.fmu_stepper` is the other side.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import autonomy
from autonomy.errors import AutonomyError, OptionalDependencyError
from autonomy.hosts.fmu_description import read_description

END_S = 10.0
"""Seconds that a process is given to end before it is killed."""


class FmuError(AutonomyError):
    """An FMU refused a call, or its process ended."""


class FmuProcess:
    """An FMI 2.0 co-simulation slave, stepped by fmpy in a process of its own.

    Args:
        path: The FMU.
        reset_anew: Whether `begin` starts a new process each time, for an FMU whose fmi2Reset forgets to forget.
            Otherwise the FMU is reset, and only if it refuses, a new process is started.

    Raises:
        ConfigError: it is no valid FMU of FMI 2.0 for co-simulation.
        OptionalDependencyError: fmpy is not installed.
    """

    def __init__(self, path: str | Path, *, reset_anew: bool = False) -> None:
        self.description = read_description(path)
        try:
            import fmpy  # noqa: PLC0415 - optional, and `import autonomy` must stay light
        except ImportError:
            raise OptionalDependencyError("stepping an FMU", "fmi") from None
        self.path, self._reset_anew = path, reset_anew
        self._folder = str(fmpy.extract(str(path)))
        self._remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._process: subprocess.Popen[str] | None = None
        self._end: weakref.finalize[Any, Any] | None = None

    def begin(self, values: Mapping[str, Any], wanted: Sequence[str]) -> list[Any]:
        """Go to the start, parameters set, and return the variables that are wanted.

        Raises:
            FmuError: the FMU cannot be instantiated or initialised.
        """
        if self._process is not None and not self._reset_anew:
            with contextlib.suppress(FmuError):
                return self._ask("begin", values, wanted)
        self._stop()
        # The same package as here, installed or not, whatever lies in the folder that this was started in.
        found = str(Path(autonomy.__file__).resolve().parent.parent)
        places = [found, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter on this package
            [sys.executable, "-P", "-m", "autonomy.hosts.fmu_stepper", self._folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
        )
        self._end = weakref.finalize(self, _stop, self._process)
        return self._ask("begin", values, wanted)

    def step(self, values: Mapping[str, Any], wanted: Sequence[str], *, second: float, step_s: float) -> list[Any]:
        """Set inputs, let a step pass, and return the variables that are wanted.

        Raises:
            FmuError: the FMU refused the step.
        """
        return self._ask("step", values, wanted, second=second, step_s=step_s)

    def close(self) -> None:
        """End the process and remove what was unpacked."""
        self._stop()
        self._remove()

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
        self._process, self._end = None, None

    def _ask(self, call: str, values: Mapping[str, Any], wanted: Sequence[str], **when: float) -> list[Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise FmuError(f"{self.path}: {call} before begin, or after close")
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps({"call": call, "set": values, "get": wanted, **when}) + "\n")
            process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            raise FmuError(f"{self.path}: {call}: the FMU's process ended with the code {code}")
        reply = json.loads(line)
        if "error" in reply:
            raise FmuError(f"{self.path}: {call}: {reply['error']}")
        found: list[Any] = reply["values"]
        return found


def _stop(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

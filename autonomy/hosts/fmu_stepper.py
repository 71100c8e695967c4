"""The process that an FMU runs in, the child's side: JSON lines, one in, one out.

    python -m autonomy.hosts.fmu_stepper FOLDER      the unpacked FMU

In: `{"call": "begin" | "step", "set": {name: value}, "get": [name, …]}`, a step also with `second` and `step_s`. Out:
`{"values": […]}`, what was asked for, or `{"error": …}`. A second `begin` resets the FMU (fmi2Reset). The end of the
input ends the process. What the FMU itself prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


KINDS: Mapping[str, Callable[[Any], Any]] = {"Real": float, "Integer": int, "Boolean": bool, "String": _text}
"""What can be set and read, and what it is in Python."""


class Slave:
    """An FMU that is unpacked and instantiated.

    Args:
        folder: Where.
    """

    def __init__(self, folder: str) -> None:
        import fmpy  # noqa: PLC0415 - optional, and `import autonomy` must stay light

        self.told: list[str] = []
        description = fmpy.read_model_description(folder, validate=False)
        self._variables = {item.name: (item.valueReference, item.type) for item in description.modelVariables}
        self._fmu = fmpy.instantiate_fmu(folder, description, "CoSimulation", logger=self._log, debug_logging=True)
        self._is_begun = False

    def answer(self, call: str, *, set: Mapping[str, Any], get: Sequence[str], **when: float) -> list[Any]:  # noqa: A002
        """Begin, or play a step, and return what is asked for."""
        if call == "begin":
            self._begin(set)
        else:
            self._put(set)
            self._fmu.doStep(currentCommunicationPoint=when["second"], communicationStepSize=when["step_s"])
        return self._read(get)

    def end(self) -> None:
        """Tell the FMU that it is over."""
        if self._is_begun:
            self._fmu.terminate()

    def _begin(self, values: Mapping[str, Any]) -> None:
        if self._is_begun:
            self._fmu.terminate()
            self._fmu.reset()
        self._is_begun = True
        self._fmu.setupExperiment(startTime=0.0)
        self._put(values)
        self._fmu.enterInitializationMode()
        self._fmu.exitInitializationMode()

    def _put(self, values: Mapping[str, Any]) -> None:
        for kind, convert in KINDS.items():
            chosen = [(self._variables[name][0], value) for name, value in values.items() if self._is(name, kind)]
            if chosen:
                put = getattr(self._fmu, f"set{kind}")
                put([number for number, _ in chosen], [convert(value) for _, value in chosen])

    def _read(self, names: Sequence[str]) -> list[Any]:
        found: dict[str, Any] = {}
        for kind, convert in KINDS.items():
            chosen = [name for name in names if self._is(name, kind)]
            if chosen:
                values = getattr(self._fmu, f"get{kind}")([self._variables[name][0] for name in chosen])
                found |= zip(chosen, map(convert, values), strict=True)
        return [found[name] for name in names]

    def _is(self, name: str, kind: str) -> bool:
        return bool(self._variables[name][1] == kind)

    def _log(self, _: Any, __: Any, status: int, ___: Any, message: bytes | None) -> None:
        if status and message:
            self.told.append(message.decode("utf-8", "replace").strip())


def main(words: Sequence[str]) -> None:
    """Serve standard input and output until there is no more input."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        slave: Slave | None = None
        for line in sys.stdin:
            try:
                slave = slave or Slave(words[0])
                reply: dict[str, Any] = {"values": slave.answer(**json.loads(line))}
            except Exception as fault:  # noqa: BLE001 - whatever an FMU does is told to who asked
                told = slave.told[-1:] if slave is not None else []
                reply = {"error": " ".join([str(fault) or type(fault).__name__, *told])}
            out.write(json.dumps(reply) + "\n")
            out.flush()
        if slave is not None:
            slave.end()


if __name__ == "__main__":
    main(sys.argv[1:])
    # Without fmi2FreeInstance and without Python's own end: after either, a library of pythonfmu, which is a Python in
    # this Python, was seen to crash now and then.
    os._exit(0)

"""Deciding every step of a journal again, from the journal alone: the same code, and not one bit may differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from autonomy.controller import Controller
from autonomy.entry import Entry, Terms
from autonomy.journal.line import decision_body, decode_answer, doubts_of, dumps, wish_of
from autonomy.journal.observed import decode_observation
from autonomy.journal.values import decode
from autonomy.layers.decision import Cause, Decision, Reason
from autonomy.layers.errors import ModelError
from autonomy.layers.intent import Wish
from autonomy.layers.observation import Observation
from autonomy.layers.situation import Situation
from autonomy.layers.supervision import Doubt, Reading, Ruling, Sight, Watch

FAILED = re.compile(r"the monitor (\w+) raised (\w+): (.*)", re.DOTALL)
INTERNAL = re.compile(r"an internal error \((\w+): (.*)\); batteries stand still", re.DOTALL)


class Replayer(Controller):
    """A controller whose policy has answered already: everything else, screen to supervisor, decides anew.

    Args:
        terms: What a header states.
    """

    def __init__(self, terms: Terms) -> None:
        super().__init__(
            terms.community,
            policy="grid-only",  # never asked
            backend=terms.backend,
            supervisor=terms.supervisor,
            look_ahead=terms.look_ahead,
            voltage=terms.voltage,
            journal=self,
            monitors=None if terms.monitors is None else (Recorded(()),),
        )
        self._said: dict[str, Any] = {}
        self._entry: Entry | None = None

    def go_on(self, start: Mapping[str, Any]) -> None:
        """Stand where a header or a gap says that the controller stood."""
        battery = np.asarray(decode(start["battery_kw"]))
        if battery.shape != (self.community.n_prosumers,):
            raise ModelError("start.battery_kw", battery.shape, f"({self.community.n_prosumers},)")
        self.restore(step=int(start["step"]), battery_kw=battery)

    def difference(self, said: dict[str, Any], body: bytes) -> str:
        """Decide a step again; return what differs from what the journal says, or nothing.

        Args:
            said: The body of a decision's line.
            body: The same as text.
        """
        if said["step"] == 0:
            self.reset()
        self._said = said
        self.step(decode_observation(said["observed"]))
        if self._entry is None:
            return "nothing was decided"
        again = decision_body(said["number"], self._entry)
        return "" if again == body else _first_difference("", said, orjson.loads(again))

    def record(self, entry: Entry) -> None:
        """Keep what was decided again."""
        self._entry = entry

    def _decide(
        self, obs: Observation | Mapping[str, Any], given: Mapping[str, Any], reading: Reading | None
    ) -> Decision:
        decision = super()._decide(obs, given, reading)
        reasons = self._said["reasons"]
        if reasons and reasons[0]["cause"] == Cause.INTERNAL_ERROR:
            # What failed inside and does not fail again is taken as it was: that it led to the dead stop is seen.
            self._hear()
            name, text = _parsed(str(decode(reasons[0]["text"])))
            raise type(name, (Exception,), {})(text)
        return decision

    def _watched(self, given: Mapping[str, Any], reading: Reading | None) -> Ruling:
        if self._arbiter is not None and (code := self._said["doubts"]) is not None:
            heard = doubts_of(code)
            self._arbiter.monitors = (*map(_failing, heard.failed), Recorded(heard.doubts))
        return super()._watched(given, reading)

    def _ask(self, _situation: Situation, _obs: Any, _given: Mapping[str, Any]) -> Wish:
        return self._hear() or Wish(None, ())

    def _hear(self) -> Wish | None:
        """Return how the recorded answer was read, None where the policy was not asked."""
        code = self._said["answer"]
        self._wish = None if code is None else wish_of(code, self.community.n_prosumers)
        self._answer = decode_answer(code["given"] if isinstance(code, dict) and "given" in code else code)
        return self._wish


class Recorded:
    """A monitor that doubts what a journal says was doubted.

    Args:
        doubts: At the step that is decided next.
    """

    def __init__(self, doubts: tuple[Doubt, ...]) -> None:
        self._doubts = doubts

    def look(self, _sight: Sight) -> tuple[Doubt, ...]:
        """Return the doubts."""
        return self._doubts

    def reset(self) -> None:
        """Nothing is kept."""


def _failing(reason: Reason) -> Watch:
    """Return a monitor that raises what a journal says that one raised."""
    found = FAILED.fullmatch(reason.text)
    monitor, fault, text = found.groups() if found else ("Monitor", "Exception", reason.text)

    def look(_self: Recorded, _sight: Sight) -> tuple[Doubt, ...]:
        raise type(fault, (Exception,), {})(text)

    made: Watch = type(monitor, (Recorded,), {"look": look})(())
    return made


def _parsed(text: str) -> tuple[str, str]:
    found = INTERNAL.fullmatch(text)
    return (found[1], found[2]) if found else ("Exception", text)


def _first_difference(where: str, said: Any, again: Any) -> str:
    """Return the first place where two bodies differ."""
    if dumps(said) == dumps(again):
        return ""
    if isinstance(said, dict) and isinstance(again, dict):
        for key in [*said, *(key for key in again if key not in said)]:
            if key not in said or key not in again:
                return f"{where}{key} is {'missing' if key not in said else 'there'}; decided again it is not"
            found = _first_difference(f"{where}{key}.", said[key], again[key])
            if found:
                return found
    if isinstance(said, list) and isinstance(again, list) and len(said) == len(again):
        for place, (one, other) in enumerate(zip(said, again, strict=True)):
            found = _first_difference(f"{where.removesuffix('.')}[{place}].", one, other)
            if found:
                return found
    return f"{where.removesuffix('.')} is {_short(said)}; decided again it is {_short(again)}"


def _short(value: Any) -> str:
    text = dumps(value).decode()
    return text if len(text) <= 120 else f"{text[:120]}…"

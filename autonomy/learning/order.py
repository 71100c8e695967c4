"""What is asked of a training method, and what it leaves; a new method is one function and one line in `METHODS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from autonomy.errors import ConfigError, did_you_mean


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A training that is asked for.

    Attributes:
        seed: Of everything that is drawn.
        forecasts: Kinds of forecast to learn with; None for the method's own choice.
        settings: Fields of the method's recipe by name, as text.
        command: What was typed, for the card.
        title: For the card.
        resume: Whether to go on where an earlier training in the same folder broke off.
        source: Weights that a method of `LATER` begins with: a file, a training's folder, or a name of those that ship.
    """

    seed: int = 0
    forecasts: tuple[str, ...] | None = None
    settings: Mapping[str, str]
    command: str
    title: str = ""
    resume: bool = False
    source: str = ""


class Progress(NamedTuple):
    """How far a training is.

    Attributes:
        done: Steps of training done.
        total: Steps in all.
        score: What the method chooses by in the weeks that validate, a share 0..1: of the achievable saving, or of what
            trade is worth; NaN before it is known.
    """

    done: int
    total: int
    score: float


class Trained(NamedTuple):
    """What a training left in its folder.

    Attributes:
        weights: The file that `load_policy` loads.
        score: What it was chosen by in the weeks that validate, see `Progress`.
        cpu_s: Seconds of processor time.
    """

    weights: Path
    score: float
    cpu_s: float


class Method(Protocol):
    """A way to train."""

    def __call__(self, order: Order, folder: Path, progress: Callable[[Progress], None]) -> Trained:
        """Train, and leave weights, card and curve in the folder."""
        ...


Recipe = TypeVar("Recipe")


def cooked(recipe: Recipe, settings: Mapping[str, str]) -> Recipe:
    """Return a recipe (a dataclass) with fields replaced by what their texts say: numbers, or words where it has words.

    Raises:
        ConfigError: there is no such field, or the text is no number where one is expected.
    """
    own = {item.name: getattr(recipe, item.name) for item in fields(recipe)}  # type: ignore[arg-type]  # a dataclass
    changed = {}
    for name, text in settings.items():
        if name not in own:
            known = ", ".join(own)
            raise ConfigError("--setting", name, f"is no setting{did_you_mean(name, own)}; known: {known}")
        changed[name] = _value(name, text, own[name])
    return replace(recipe, **changed)  # type: ignore[type-var]  # a dataclass


def _value(name: str, text: str, own: Any) -> Any:
    if isinstance(own, str):
        return text
    kind = int if isinstance(own, int) else float
    if isinstance(own, tuple):
        raise ConfigError("--setting", name, "has an option of its own")
    try:
        return kind(text)
    except ValueError:
        raise ConfigError("--setting", name, f"found {text!r}; expected {_names(kind)}") from None


def _names(kind: type[Any]) -> str:
    return "a whole number" if kind is int else "a number"

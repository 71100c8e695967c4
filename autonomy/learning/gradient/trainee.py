"""What learns by the gradient, and all that it carries from one update to the next."""

from __future__ import annotations

import math

import numpy as np
import torch

from autonomy.learning.gradient.checkpoint import State
from autonomy.learning.gradient.imitation import imitate
from autonomy.learning.gradient.lesson import Lesson
from autonomy.learning.gradient.module import Module
from autonomy.learning.gradient.recipe import GradientRecipe, Learned, Point
from autonomy.learning.network import Network


class Trainee:
    """Weights, Adam, generator and curve; at the start they know the scale of their features.

    Args:
        recipe: Of the training.
        taught: The communities that teach.
        state: Where it goes on; None to begin, by imitating the optimum where the recipe says so.

    Attributes:
        module: Weights that learn.
        optimiser: Adam.
        random: Draws communities and windows.
        curve: Points so far.
    """

    def __init__(self, recipe: GradientRecipe, taught: list[Lesson], state: State | None = None) -> None:
        first = torch.Generator().manual_seed(recipe.seed)
        self.module = Module(first, hidden=recipe.hidden, own_hidden=recipe.own_hidden)
        self.random = np.random.default_rng(recipe.seed)
        self.curve: list[Point] = []
        if state is None:
            self.module.scale_to(np.concatenate([one.features.numpy() for one in taught]))
            if recipe.imitated:
                imitate(self.module, taught, recipe.imitated, self.random)
        self._best = self.module.network()
        self.optimiser = torch.optim.Adam(self.module.parameters(), lr=recipe.learning_rate)
        if state is not None:
            self._go_on(state)

    @property
    def update(self) -> int:
        """Updates up to the last point."""
        return self.curve[-1].update if self.curve else 0

    @property
    def prosumer_steps(self) -> int:
        """Prosumer-steps up to the last point."""
        return self.curve[-1].prosumer_steps if self.curve else 0

    @property
    def cpu_s(self) -> float:
        """Seconds of processor time up to the last point."""
        return self.curve[-1].cpu_s if self.curve else 0.0

    @property
    def score(self) -> float:
        """The best score; −∞ before any."""
        return max((point.score for point in self.curve), default=-math.inf)

    def learn(self, loss: torch.Tensor, learning_rate: float, largest_gradient: float) -> None:
        """Take a step of Adam down the gradient of a loss, scaled down to a norm where it is larger."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), largest_gradient)
        self.optimiser.step()

    def validated(self, point: Point) -> None:
        """Add a point to the curve, and keep the weights if they are the best."""
        if point.score > self.score:
            self._best = self.module.network()
        self.curve.append(point)

    def learned(self) -> Learned:
        """Return the weights of the best validation."""
        return Learned(self._best, self.score, tuple(self.curve))

    def state(self) -> State:
        """Return all that a training goes on with."""
        best = {name: torch.from_numpy(np.array(getattr(self._best, name))) for name in self.module.state_dict()}
        random = self.random.bit_generator.state
        return State(self.module.state_dict(), best, self.optimiser.state_dict(), random, tuple(self.curve))

    def _go_on(self, state: State) -> None:
        self.module.load_state_dict(state.module)
        self.optimiser.load_state_dict(state.optimiser)
        self.random.bit_generator.state = state.random
        self._best = Network(**{name: values.numpy() for name, values in state.best.items()})
        self.curve = list(state.curve)

"""Solver "structured": the interior-point method of `interior.py` for one limited sum a step.

It answers programs without ramps in which one group holds all cells and is the only one with bounds; general solvers do
the rest (`sparse.SparseHorizon`). Its buffers are made once, so it serves one thread at a time. Numba takes a second
to load and some to compile the first time, so only whoever asks for this solver imports this file.
"""

from __future__ import annotations

import time

import numpy as np

from autonomy.solvers.allocation import CENTRE, DROP, LIFT, LOWER, UPPER, WEIGHT, Status, Vector
from autonomy.solvers.horizon import layout
from autonomy.solvers.horizon.interior import iterate
from autonomy.solvers.horizon.layout import DUALITY, MEAN, PRIMAL
from autonomy.solvers.horizon.opening import start
from autonomy.solvers.horizon.program import HorizonProgram, HorizonSolution, HorizonStructure, no_answer
from autonomy.solvers.horizon.sparse import rows

TOLERANCE = {PRIMAL: 2e-7, DUALITY: 1e-8, MEAN: 1e-11}
"""Residuals at which the method stops; `certificate.measure` decides what they are worth."""
MAX_ITERATIONS = 60
START = 30.0
"""Size of s·y at the start."""
IMPATIENT = 28
"""Iterations after which slacks and multipliers go together."""
BETWEEN_LOOKS = 4
"""Iterations between two looks at the clock."""
NARROW = 1e-9
"""A box narrower than this is a point."""


class StructuredHorizon:
    """See the module's docstring."""

    def __init__(self, structure: HorizonStructure) -> None:
        self.structure = structure
        n, stores, cells = structure.steps + 1, structure.n_stores, structure.hierarchy.n_cells
        self._rows = rows(structure)
        self._place = structure.cell.astype(np.int64)
        self._step = np.zeros((layout.STEP_ROWS, n, stores))
        self._pair = np.zeros((5, 6, n, stores))
        self._store = np.zeros((len(layout.STORE), stores))
        self._cell = np.zeros((len(layout.CELL), cells))
        self._cell_pair = np.zeros((5, 6, cells))
        self._row = np.zeros((len(layout.ROW), n))
        self._row_pair = np.zeros((5, 3, n))
        self._matrix = np.zeros((n, n))
        self._kept = np.zeros((2, n * stores))
        self._others = np.zeros((3, max(n, cells)))
        self._flats = tuple(pair.reshape(5, -1) for pair in (self._pair, self._cell_pair, self._row_pair))
        rest = (self._store, self._cell, self._cell_pair, self._row, self._row_pair, self._flats, self._place)
        self._at_start = (self._step, self._pair, *rest)
        # The same memory as long rows, for machine code that works on many numbers at once.
        lines = self._pair.reshape(5, 6, -1)
        self._on_the_way = (self._step, self._step.reshape(layout.STEP_ROWS, -1), lines, *rest)
        self._step[layout.FILL], self._step[layout.DRAIN] = structure.fill, structure.drain
        self._report = np.zeros(3)
        self._tolerance = np.array([TOLERANCE[key] for key in (PRIMAL, DUALITY, MEAN)])
        self._held = structure.hierarchy.totals(np.ones(cells))
        self._storeless = np.setdiff1d(np.arange(cells), structure.cell)
        # Compiled, or loaded, now: the first answer is not to wait for it.
        start(*self._at_start, START, 1.0)
        self._iterate(np.ones(5), 0, together=False)

    def solve(self, program: HorizonProgram, *, deadline_s: float | None = None) -> HorizonSolution:
        """Return the minimiser, or FAILED with a sentence; stops soon after `deadline_s` seconds."""
        ends = np.inf if deadline_s is None else time.perf_counter() + deadline_s
        refusal = self.load(program)
        if refusal:
            return no_answer(self.structure, refusal, rows=self._rows.total)
        taken, done = self.run(ends)
        if not done and time.perf_counter() > ends:
            return no_answer(
                self.structure, f"no answer within {deadline_s} s", rows=self._rows.total, iterations=taken
            )
        return self.answer((taken, done))

    def run(self, ends: float = np.inf) -> tuple[int, bool]:
        """Solve what was loaded, but stop soon after `ends`; return the iterations, and whether it is done."""
        count = start(*self._at_start, START, self._prices[-1])
        setting = np.array([*self._prices, count], dtype=np.float64)
        taken, done = 0, False
        while not done and taken < MAX_ITERATIONS:
            more, done = self._iterate(setting, BETWEEN_LOOKS, together=taken >= IMPATIENT)
            taken += more
            if not done and (time.perf_counter() > ends or not np.isfinite(self._report).all() or more < BETWEEN_LOOKS):
                break
        return taken, done

    def _iterate(self, setting: Vector, most: int, *, together: bool) -> tuple[int, bool]:
        """Go on for `most` iterations; return how many were taken and whether the end is reached."""
        rest = (setting, self._report, self._matrix, self._kept, self._others, self._tolerance)
        taken, done = iterate(*self._on_the_way, *rest, most, together)
        return int(taken), bool(done)

    def load(self, program: HorizonProgram) -> str:
        """Fill the arrays; return why that cannot be done, or nothing."""
        if self.structure.has_ramps:
            return "ramps between steps need a general solver"
        first, tree = program.first, self.structure.hierarchy
        limited = np.isfinite(first.bounds).any(axis=0) | np.isfinite(program.need).any(axis=0)
        if np.count_nonzero(limited) > 1:
            return "bounds on more than one group need a general solver"
        group = int(np.argmax(limited))
        if self._held[group] != tree.n_cells:
            return "a limited group that leaves out cells needs a general solver"
        self._group, relief = group, first.relief
        self._prices = (relief.drop_price, relief.lift_price, relief.smoothing, program.price)
        cells, step, store, cell, row = first.cells, self._step, self._store, self._cell, self._row
        if self._storeless.size and np.any(cells[UPPER, self._storeless] - cells[LOWER, self._storeless] > NARROW):
            return "a cell without a store must have a fixed x"
        store[layout.LOSS], store[layout.GAIN] = self.structure.drain, self.structure.fill
        store[layout.FLOOR], store[layout.CEILING], store[layout.LEVEL] = program.floor, program.ceiling, program.level
        step[layout.LO, 0], step[layout.HI, 0] = cells[LOWER, self._place], cells[UPPER, self._place]
        step[layout.LO, 1:], step[layout.HI, 1:] = program.lower, program.upper
        narrow = step[layout.HI] - step[layout.LO] <= NARROW
        if narrow.any():
            middle = (step[layout.HI] + step[layout.LO]) / 2
            step[layout.LO] = np.where(narrow, middle, step[layout.LO])
            step[layout.HI] = np.where(narrow, middle, step[layout.HI])
        cell[layout.WEIGHT], cell[layout.CENTRE] = cells[WEIGHT], cells[CENTRE]
        cell[layout.FIXED] = (cells[LOWER] + cells[UPPER]) / 2
        cell[layout.DROP] = np.where(cells[DROP] > NARROW, cells[DROP], 0.0)
        cell[layout.LIFT] = np.where(cells[LIFT] > NARROW, cells[LIFT], 0.0)
        cell[layout.LEAST], cell[layout.MOST] = first.least, first.most
        row[layout.REQUIRED, 0], row[layout.LIMIT] = first.bounds[0, group], first.bounds[1, group]
        row[layout.REQUIRED, 1:] = program.need[:, group]
        # A sum is finite only if all its numbers are.
        sums = [np.sum(part) for part in (program.level, program.floor, program.ceiling, step[:2], cells[:6])]
        if not np.isfinite(sums).all():
            return "all but bounds on sums must be numbers"
        return ""

    def answer(self, outcome: tuple[int, bool]) -> HorizonSolution:
        """Return what the arrays hold after `run`."""
        taken, done = outcome
        if not done:
            text = f"residuals stay at {self._report.max():.1e}"
            return no_answer(self.structure, text, rows=self._rows.total, iterations=taken)
        cell, row, numbers = self._cell, self._row, self._rows
        x = cell[layout.FIXED].copy()
        x[self._place] = self._step[layout.X, 0]
        y, price = self._pair[layout.DUAL], self._row_pair[layout.DUAL]
        missing = np.zeros((self.structure.steps, self.structure.hierarchy.n_groups))
        missing[:, self._group] = row[layout.MISSING, 1:]
        multipliers = np.zeros(numbers.total)
        multipliers[numbers.fill], multipliers[numbers.drain] = -y[layout.FI], -y[layout.DR]
        multipliers[numbers.cell] = self._cell_pair[layout.DUAL, layout.YL] - self._cell_pair[layout.DUAL, layout.YU]
        multipliers[numbers.group[0, self._group]] = price[layout.NEED, 0] - price[layout.CAP, 0]
        multipliers[numbers.need[:, self._group]] = price[layout.NEED, 1:]
        return HorizonSolution(
            point=np.array([x, cell[layout.U], cell[layout.V]]),
            given=self._step[layout.X, 1:].copy(),
            level=self._step[layout.L].copy(),
            missing=missing,
            row_multipliers=multipliers,
            status=Status.SOLVED,
            iterations=taken,
        )

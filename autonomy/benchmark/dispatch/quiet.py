"""Modelling tools that report on themselves, kept off the terminal."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from autonomy.benchmark.silence import silenced


@contextmanager
def quiet() -> Iterator[None]:
    """Keep log lines, warnings and what machine code prints off the terminal inside the block."""
    was = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), silenced():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(was)

"""Layer 3: the screen, the monitors, the check, the recovery ladder. The trusted core; no solver is called here."""

from autonomy.layers.supervision.arbiter import NOTHING_HEARD, Arbiter, Heard, Ruling
from autonomy.layers.supervision.gate import Candidate, Verdict, cut_reasons, dead_stop, supervise
from autonomy.layers.supervision.latch import Latches
from autonomy.layers.supervision.quick import QuickGate
from autonomy.layers.supervision.reading import Reading, read
from autonomy.layers.supervision.screen import Screen
from autonomy.layers.supervision.watch import Doubt, Loss, Sight, Watch, since

__all__ = [
    "NOTHING_HEARD",
    "Arbiter",
    "Candidate",
    "Doubt",
    "Heard",
    "Latches",
    "Loss",
    "QuickGate",
    "Reading",
    "Ruling",
    "Screen",
    "Sight",
    "Verdict",
    "Watch",
    "cut_reasons",
    "dead_stop",
    "read",
    "since",
    "supervise",
]

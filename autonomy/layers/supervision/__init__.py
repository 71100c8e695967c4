"""Layer 3: the screen, the check, the recovery ladder. The trusted core; no solver is called here."""

from autonomy.layers.supervision.gate import Candidate, Verdict, cut_reasons, dead_stop, supervise
from autonomy.layers.supervision.quick import QuickGate
from autonomy.layers.supervision.screen import Screen

__all__ = ["Candidate", "QuickGate", "Screen", "Verdict", "cut_reasons", "dead_stop", "supervise"]

"""Many communities at once, for training and sweeps."""

from autonomy.ledger import Reward
from autonomy.simulation.batch import BatchSimulator
from autonomy.simulation.outcome import BatchOutcome

__all__ = ["BatchOutcome", "BatchSimulator", "Reward"]

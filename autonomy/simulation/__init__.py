"""Many communities at once, for training and sweeps."""

from autonomy.simulation.batch import BatchSimulator
from autonomy.simulation.ledger import Reward
from autonomy.simulation.outcome import BatchOutcome

__all__ = ["BatchOutcome", "BatchSimulator", "Reward"]

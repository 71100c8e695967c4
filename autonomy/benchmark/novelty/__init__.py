"""How good the novelty watch is: false alarms, planted faults, shifted data, and the scores it was chosen from."""

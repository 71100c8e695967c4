"""Learning: what trains a policy of Layer 1, and the network that it leaves, which runs in plain NumPy."""

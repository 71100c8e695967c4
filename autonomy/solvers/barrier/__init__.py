"""The interior point method for bounds on sums and potentials of a tree: its rows, cells, sweeps, and the method."""

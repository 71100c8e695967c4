"""Benchmarks: what an answer costs, how good it is, and how often "solved" was true. Loaded only when asked for."""

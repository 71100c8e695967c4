"""Mathematics only: the exact projection kernel and its backends, the LP/MILP builder, certificates.

Nothing in here knows a word of energy; it can be read, tested and replaced on its own.
"""

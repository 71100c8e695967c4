"""The energy model and the three layers: intent, projection, supervision.

Knows energy, NumPy and `autonomy.solvers`, and nothing else: no torch, no gymnasium, no files. The three layers
(`intent`, `projection`, `supervision`) do not import each other; `autonomy.controller` joins them.
"""

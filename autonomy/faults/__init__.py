"""Fault injection: what goes wrong between a plant and its controller, and what that does to the true physical state.

    catalogue ─▶ fault ─▶ trial (twin beside it) ─▶ result ─▶ rows ─▶ table, heat map, JSON, CSV

The plant knows the truth and executes; a fault stands in between; the rules of `autonomy.layers.invariants` are judged
on what the plant did. No controller counts its own violations.
"""

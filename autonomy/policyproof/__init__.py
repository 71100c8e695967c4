"""What can be said of the deployed network for every input, and not only for those that were tried.

    layered, slice     the network as plain layers, of all its inputs or of a few numbers that move many
    crown, relaxation  linear bound propagation over boxes, rounding included (`rounding`)
    slopes, interval   intervals of the Jacobian, and arithmetic with intervals
    ensemble, gate     the mean gates of a policy over boxes of what it is told
    region             those boxes: everything, and tubes around recorded hours
    search             branch and bound: shares proved, violated, unknown
    anchors, monotone  set-points, and whether they fall as price and stored energy rise
    meters             how far set-points move when meters are off
    intervention       how far Layer 2 can have to move them
    milp               the network as a mixed-integer program, by OMLT and HiGHS
    planted, replay    a network with a hidden counterexample, and witnesses in the simulator
    study              each property as one question

docs/policy-proofs.md has the derivations and the figures.
"""

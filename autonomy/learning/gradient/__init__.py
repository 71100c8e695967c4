"""Learning by the gradient of the cost through the whole simulator; needs torch.

projection   Layer 2 as a differentiable function: the exact kernel forwards, its closed derivative backwards
twin         a community in torch: gates, projection, physics and cost, equal to the simulator's
module       the network in torch, and to NumPy and back
train        windows are played, the cost of the days flows back to the weights
"""

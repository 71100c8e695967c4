"""One file a peer, each the only place that imports its library: `NAME` and a class with `state` and `solve`."""

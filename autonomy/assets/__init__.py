"""Assets beyond the battery: what EVs, outages and derating do to a window, step by step, and generation by wind."""

from autonomy.assets.timeline import Timeline

__all__ = ["Timeline"]

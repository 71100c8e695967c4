"""Assets beyond the battery: what EVs, outages and derating do to a window, step by step, and generation by wind."""

from autonomy.assets.derating import Derating
from autonomy.assets.ev import Ev
from autonomy.assets.fleet import Assets
from autonomy.assets.outage import Outage
from autonomy.assets.timeline import Timeline
from autonomy.assets.wind import Wind

__all__ = ["Assets", "Derating", "Ev", "Outage", "Timeline", "Wind"]
